// sums[slot] = factor min(1, maxNorm / |factor g|), |g|^2 = the sum of sums[offset .. offset + length], none of them negative.
// The sum is taken of parts made 2^-40 times smaller, so that it stays finite where every part is.

// include: workgroup_sum

struct Params {
  offset: u32,
  length: u32,
  slot: u32,
  factor: f32,
  maxNorm: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var part = 0.0;
  for (var i = lane; i < params.length; i += 256u) {
    part += sums[params.offset + i] * 0x1p-40;
  }
  let total = workgroupSum(lane, part);
  if (lane == 0u) {
    let norm = params.factor * sqrt(total) * 0x1p20;
    // As a quotient, not a comparison: where the norm is 0 nothing is divided by it.
    sums[params.slot] = params.factor * select(1.0, params.maxNorm / norm, norm > params.maxNorm);
  }
}
