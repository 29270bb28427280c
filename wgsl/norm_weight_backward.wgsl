// dweight[cols] = sum over rows of dy (x - mean) rstd, in two stages: `tiles` leaves the column sums of every 32 rows in
// scratch[rows / 32, cols], `finish` adds those up.

// include: block_tile
// include: strided_sums

var<workgroup> laneSums: array<vec4f, 256>;

@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  // Compared as a whole workgroup, since all of its lanes must meet the barrier.
  if (tile >= tilesDown(params.rows) * tilesAcross(params.cols)) {
    return;
  }
  let place = placeInTile(tile, lane);
  var sums = vec4f();
  for (var i = 0u; i < 8u; i++) { // unroll
    let row = place.row + i * 4u;
    for (var j = 0u; j < 4u; j++) { // unroll
      let col = place.col + j * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[j] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
    }
  }
  laneSums[lane] = sums;
  workgroupBarrier();
  // Lane 64 j + c has column 64 j + c of the tile.
  let col = place.colTile * 256u + lane;
  let c = lane % 64u;
  let j = lane / 64u;
  if (col < params.cols) {
    scratch[place.rowTile * params.cols + col] =
      (laneSums[c][j] + laneSums[c + 64u][j]) + (laneSums[c + 128u][j] + laneSums[c + 192u][j]);
  }
}

@compute @workgroup_size(256)
fn finish(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let col = (group.y * groups.x + group.x) * 8u + lane % 8u;
  let count = select(0u, tilesDown(params.rows), col < params.cols);
  let sum = stridedSum(lane, col, params.cols, count);
  if (lane < 8u && col < params.cols) {
    dweight[col] = sum;
  }
}
