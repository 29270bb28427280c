// sums[rowSums + b rows + i] = sum_j g^2   sums[colSums + b cols + j] = sum_i g^2   sums[total + b] = sum_ij g^2
//
// g is read once: `tiles` takes row sums, column sums and the total of each tile of 32 x 256 from the same registers and
// leaves them in scratch; `finish` adds up the tiles. scratch holds, one after the other,
//   row sums [batch, rows, tilesAcross]   column sums [batch, tilesDown, cols]   totals [batch, tilesDown, tilesAcross]

// include: block_tile
// include: strided_sums

struct Params {
  gradOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  rowSums: u32,
  colSums: u32,
  total: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<f32>;

// Per row of the tile 64 lanes' sums; rows stand 65 apart to spread over the banks.
var<workgroup> rowLanes: array<f32, 2080>;
// Per invocation the sums of its 4 columns.
var<workgroup> colLanes: array<vec4f, 256>;

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
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colPartials = params.batch * params.rows * across;
  let totals = colPartials + params.batch * down * params.cols;

  var colSums = vec4f();
  for (var i = 0u; i < 8u; i++) { // unroll
    let row = place.row + i * 4u;
    let at = params.gradOffset + (place.batch * params.rows + row) * params.cols;
    var squares = vec4f();
    for (var j = 0u; j < 4u; j++) { // unroll
      let col = place.col + j * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[j] = g * g;
      }
    }
    colSums += squares;
    rowLanes[(i * 4u + lane / 64u) * 65u + lane % 64u] =
      (squares.x + squares.y) + (squares.z + squares.w);
  }
  colLanes[lane] = colSums;
  workgroupBarrier();

  // Columns: lane 64 j + c has column 64 j + c of the tile.
  let col = place.colTile * 256u + lane;
  let c = lane % 64u;
  let quarter = lane / 64u;
  if (col < params.cols) {
    scratch[colPartials + (place.batch * down + place.rowTile) * params.cols + col] =
      (colLanes[c][quarter] + colLanes[c + 64u][quarter]) +
      (colLanes[c + 128u][quarter] + colLanes[c + 192u][quarter]);
  }

  // Rows: 8 lanes add 8 values each, then one adds the 8.
  let part = lane / 8u * 65u + lane % 8u;
  var partSum = 0.0;
  for (var j = 0u; j < 8u; j++) { // unroll
    partSum += rowLanes[part + j * 8u];
  }
  rowLanes[part] = partSum;
  workgroupBarrier();
  if (lane < 32u) {
    var sum = 0.0;
    for (var j = 0u; j < 8u; j++) { // unroll
      sum += rowLanes[lane * 65u + j];
    }
    rowLanes[lane * 65u] = sum;
    let row = place.rowTile * 32u + lane;
    if (row < params.rows) {
      scratch[(place.batch * params.rows + row) * across + place.colTile] = sum;
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    var sum = 0.0;
    for (var j = 0u; j < 32u; j++) { // unroll
      sum += rowLanes[j * 65u];
    }
    scratch[totals + tile] = sum;
  }
}

@compute @workgroup_size(256)
fn finish(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let numRows = params.batch * params.rows;
  let numCols = params.batch * params.cols;
  let output = (group.y * groups.x + group.x) * 8u + lane % 8u;

  var first = 0u;
  var step = 1u;
  var count = 0u;
  var slot = 0u;
  if (output < numRows) {
    first = output * across;
    count = across;
    slot = params.rowSums + output;
  } else if (output < numRows + numCols) {
    let column = output - numRows;
    first = numRows * across + column / params.cols * down * params.cols + column % params.cols;
    step = params.cols;
    count = down;
    slot = params.colSums + column;
  } else if (output < numRows + numCols + params.batch) {
    let b = output - numRows - numCols;
    first = numRows * across + numCols * down + b * down * across;
    count = down * across;
    slot = params.total + b;
  }
  let sum = stridedSum(lane, first, step, count);
  if (lane < 8u && output < numRows + numCols + params.batch) {
    sums[slot] = sum;
  }
}
