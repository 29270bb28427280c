// sums[slot] = sum of u^2, u[b, i, j] = g[b, i, j] min(rowFactor[b, i] colFactor[b, j], most); factors holds the row factors
// [batch, rows], the column factors [batch, cols] and most. `tiles` leaves one sum per tile in scratch, `finish` adds them.

// include: block_tile
// include: workgroup_sum
// include: sum_of_partials

struct Params {
  gradOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  slot: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> scratch: array<f32>;

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
      let at = params.gradOffset + rowIndex * params.cols;
      for (var j = 0u; j < 4u; j++) { // unroll
        let col = place.col + j * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[j], most);
          squares[j] = fma(u, u, squares[j]);
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
    sums[params.slot] = sum;
  }
}
