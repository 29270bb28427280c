// The running averages and the factors made from them, for gradients times s = sums[gradientScale]; nothing is written where
// guard[0] != 0.
//   R <- keep R + take (s^2 rowSum / globalCols + eps1)     C <- keep C + take (s^2 colSum / globalRows + eps1)
//   M <- keep M + take (s^2 total / (globalRows globalCols) + eps1)
//   factors = s rsqrt(R / max(M, meanFloor)), rsqrt(C), s factorCap
// Under no root stands less than TINY, the smallest normal number: a row without gradients gets a finite factor.
// Every row factor needs the new M of its matrix, so `means` makes those before `vectors` does the rest.

struct Params {
  batch: u32,
  rows: u32,
  cols: u32,
  rowSums: u32,
  colSums: u32,
  total: u32,
  gradientScale: u32,
  globalRows: f32,
  globalCols: f32,
  keep: f32,
  take: f32,
  eps1: f32,
  meanFloor: f32,
  factorCap: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> guard: array<u32>;
@group(0) @binding(3) var<storage, read_write> moments: array<f32>;
@group(0) @binding(4) var<storage, read_write> factors: array<f32>;

@compute @workgroup_size(256)
fn means(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = (group.y * groups.x + group.x) * 256u + lane;
  if (b >= params.batch || guard[0] != 0u) {
    return;
  }
  let slot = params.batch * (params.rows + params.cols) + b;
  moments[slot] =
    average(moments[slot], sums[params.total + b] / params.globalRows / params.globalCols);
}

@compute @workgroup_size(256)
fn vectors(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  let numRows = params.batch * params.rows;
  let numCols = params.batch * params.cols;
  if (i > numRows + numCols || guard[0] != 0u) {
    return;
  }
  let scale = sums[params.gradientScale];
  if (i < numRows) {
    let r = average(moments[i], sums[params.rowSums + i] / params.globalCols);
    moments[i] = r;
    let m = max(moments[numRows + numCols + i / params.rows], max(params.meanFloor, TINY));
    factors[i] = scale * inverseSqrt(max(r / m, TINY));
  } else if (i < numRows + numCols) {
    let c = average(moments[i], sums[params.colSums + i - numRows] / params.globalRows);
    moments[i] = c;
    factors[i] = inverseSqrt(max(c, TINY));
  } else {
    factors[i] = scale * params.factorCap;
  }
}

fn average(before: f32, now: f32) -> f32 {
  let scale = sums[params.gradientScale];
  return params.keep * before + params.take * (scale * now * scale + params.eps1);
}

const TINY = 1.17549435e-38;
