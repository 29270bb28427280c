// As adafactor_apply_momentum with a momentum that is already averaged, of which only those elements count that have the
// sign of what was just averaged in; what counts is scaled up by how few they are (Liang et al. 2024):
//   p <- p - decay p - over momentum [aligned] / max(sums[aligned] / count, 1e-3)     over = rateAfterMomentum ? a : 1
// Nothing of param is changed where guard[0] != 0. The sum of the new p^2 goes to sums[nextParamSquares] in the same pass
// over memory: `tiles` leaves one sum per tile in scratch, `finish` adds them.

// include: block_tile
// include: workgroup_sum
// include: sum_of_partials

struct Params {
  gradOffset: u32,
  paramOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  updateSquares: u32,
  paramSquares: u32,
  nextParamSquares: u32,
  count: f32,
  rate: f32,
  scaleParameter: u32,
  scaleFloor: f32,
  scaleCeiling: f32,
  clipThreshold: f32,
  weightDecay: f32,
  absoluteDecay: f32,
  rateAfterMomentum: u32,
  aligned: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read> guard: array<u32>;
@group(0) @binding(4) var<storage, read_write> param: array<f32>;
@group(0) @binding(5) var<storage, read> momentum: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;
@group(0) @binding(7) var<storage, read_write> scratch: array<f32>;

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
  let taken = select(a, 1.0, params.rateAfterMomentum != 0u) / d;
  let share = max(sums[params.aligned] / params.count, 1e-3);
  let over = select(1.0, a, params.rateAfterMomentum != 0u) / share;
  let decay = a * params.weightDecay + params.absoluteDecay;

  let colFactors = params.batch * params.rows + place.batch * params.cols;
  let most = factors[params.batch * (params.rows + params.cols)];
  var colFactor = vec4f();
  for (var j = 0u; j < 4u; j++) { // unroll
    let col = place.col + j * 64u;
    if (col < params.cols) {
      colFactor[j] = factors[colFactors + col];
    }
  }
  var squares = vec4f();
  for (var i = 0u; i < 8u; i++) { // unroll
    let row = place.row + i * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      for (var j = 0u; j < 4u; j++) { // unroll
        let col = place.col + j * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[j], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[j] = fma(p, p, squares[j]);
        }
      }
    }
  }
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    scratch[tile] = sum;
  }
}

@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = params.batch * tilesDown(params.rows) * tilesAcross(params.cols);
  let sum = sumOfPartials(lane, count);
  if (lane == 0u) {
    sums[params.nextParamSquares] = sum;
  }
}
