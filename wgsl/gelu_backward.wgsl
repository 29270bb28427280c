// dx = dy (Phi(x) + x phi(x)), the gradient of gelu; phi is the normal density.
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours read neighbours.

// include: exp_accurate
// include: normal_cdf

struct Params {
  length: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.length) {
      let value = x[i];
      let density = 0.3989422804 * expAccurate(-0.5 * value * value);
      dx[i] = dy[i] * (normalCdf(value) + value * density);
    }
  }
}
