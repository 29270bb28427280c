// guard[0] = 1 if any of sums[offset .. offset + length] is NaN or infinite, else 0 (u32). Told by the exponent bits, as a
// compiler may take x != x for false. `look` leaves one flag per workgroup in scratch (at most 1024), `finish` joins them.

struct Params {
  offset: u32,
  length: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<u32>;
@group(0) @binding(2) var<storage, read_write> guard: array<u32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<u32>;

var<workgroup> found: atomic<u32>;

@compute @workgroup_size(256)
fn look(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let chunk = (params.length + groups.x - 1u) / groups.x;
  let end = params.offset + min((group.x + 1u) * chunk, params.length);
  var seen = 0u;
  for (var i = params.offset + group.x * chunk + lane; i < end; i += 256u) {
    if ((sums[i] & 0x7f800000u) == 0x7f800000u) {
      seen = 1u;
    }
  }
  let any = anyInWorkgroup(lane, seen);
  if (lane == 0u) {
    scratch[group.x] = any;
  }
}

@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = clamp((params.length + 4095u) / 4096u, 1u, 1024u);
  var seen = 0u;
  for (var i = lane; i < count; i += 256u) {
    seen |= scratch[i];
  }
  let any = anyInWorkgroup(lane, seen);
  if (lane == 0u) {
    guard[0] = any;
  }
}

fn anyInWorkgroup(lane: u32, seen: u32) -> u32 {
  if (lane == 0u) {
    atomicStore(&found, 0u);
  }
  workgroupBarrier();
  if (seen != 0u) {
    atomicOr(&found, 1u);
  }
  workgroupBarrier();
  return atomicLoad(&found);
}
