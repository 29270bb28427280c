// sums[slot] = sum of x[offset .. offset + length]^2, in two stages: `squares` leaves one partial sum per workgroup in
// scratch (at most 1024), `finish` adds them in one workgroup.

// include: workgroup_sum
// include: sum_of_partials

struct Params {
  offset: u32,
  length: u32,
  slot: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<f32>;

@compute @workgroup_size(256)
fn squares(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let chunk = (params.length + groups.x - 1u) / groups.x;
  let end = params.offset + min((group.x + 1u) * chunk, params.length);
  var total = vec4f();
  var i = params.offset + group.x * chunk + lane;
  for (; i + 768u < end; i += 1024u) {
    let value = vec4f(x[i], x[i + 256u], x[i + 512u], x[i + 768u]);
    total = fma(value, value, total);
  }
  for (; i < end; i += 256u) {
    total.x = fma(x[i], x[i], total.x);
  }
  let sum = workgroupSum(lane, (total.x + total.y) + (total.z + total.w));
  if (lane == 0u) {
    scratch[group.x] = sum;
  }
}

@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = clamp((params.length + 4095u) / 4096u, 1u, 1024u);
  let sum = sumOfPartials(lane, count);
  if (lane == 0u) {
    sums[params.slot] = sum;
  }
}
