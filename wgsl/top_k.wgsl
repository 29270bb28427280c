// indices[r, j] = the column of the j-th largest element of row r, of equal ones the lowest first. An invocation has a row: it looks for
// the largest element that comes after the one before, so that it needs no memory but the place of that.

// include: order_of

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * 64u + lane;
  if (row >= params.rows) {
    return;
  }
  var previous = 0u;
  for (var j = 0u; j < params.count; j++) {
    var best = 0u;
    var bestOrder = 0u;
    var found = false;
    for (var c = 0u; c < params.cols; c++) {
      let order = orderOf(x[row * params.cols + c]);
      let isLeft = j == 0u || order < orderOf(x[row * params.cols + previous])
        || (order == orderOf(x[row * params.cols + previous]) && c > previous);
      if (isLeft && (!found || order > bestOrder)) {
        best = c;
        bestOrder = order;
        found = true;
      }
    }
    indices[row * params.count + j] = best;
    previous = best;
  }
}
