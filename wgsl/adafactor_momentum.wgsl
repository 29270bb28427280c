// The average of updates that a cautious step needs, u and d as in adafactor_apply:
//   rateAfterMomentum 0:  momentum <- beta1 momentum + (1 - beta1) a u / d
//   rateAfterMomentum 1:  momentum <- beta1 momentum + (1 - beta1) u / d
// sums[aligned] = how many elements of it have the sign of what was just averaged in. Nothing of momentum is changed where
// guard[0] != 0. `tiles` leaves one count per tile in scratch, `finish` adds them.

// include: block_tile
// include: workgroup_sum
// include: sum_of_partials

struct Params {
  gradOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  updateSquares: u32,
  paramSquares: u32,
  aligned: u32,
  count: f32,
  rate: f32,
  scaleParameter: u32,
  scaleFloor: f32,
  scaleCeiling: f32,
  clipThreshold: f32,
  beta1: f32,
  rateAfterMomentum: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read> guard: array<u32>;
@group(0) @binding(4) var<storage, read_write> momentum: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(0) @binding(6) var<storage, read_write> scratch: array<f32>;

@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let place = placeInTile(tile, lane);
  if (place.batch >= params.batch) {
    return;
  }
  let changing = guard[0] == 0u;
  let paramScale = clamp(sqrt(sums[params.paramSquares] / params.count), params.scaleFloor, params.scaleCeiling);
  let a = params.rate * select(1.0, paramScale, params.scaleParameter != 0u);
  let d = max(1.0, sqrt(sums[params.updateSquares] / params.count) / params.clipThreshold);
  let take = (1.0 - params.beta1) * select(a, 1.0, params.rateAfterMomentum != 0u) / d;

  let colFactors = params.batch * params.rows + place.batch * params.cols;
  let most = factors[params.batch * (params.rows + params.cols)];
  var colFactor = vec4f();
  for (var j = 0u; j < 4u; j++) { // unroll
    let col = place.col + j * 64u;
    if (col < params.cols) {
      colFactor[j] = factors[colFactors + col];
    }
  }
  var counts = vec4f();
  for (var i = 0u; i < 8u; i++) { // unroll
    let row = place.row + i * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      for (var j = 0u; j < 4u; j++) { // unroll
        let col = place.col + j * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[j], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[j] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
      }
    }
  }
  let sum = workgroupSum(lane, (counts.x + counts.y) + (counts.z + counts.w));
  if (lane == 0u) {
    scratch[tile] = sum;
  }
}

@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = params.batch * tilesDown(params.rows) * tilesAcross(params.cols);
  let sum = sumOfPartials(lane, count);
  if (lane == 0u) {
    sums[params.aligned] = sum;
  }
}
