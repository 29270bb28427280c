// A pass of a merge sort: runs of sorted columns in `sorted`, of length `run`, become runs of twice the length in `out`.
//
// An invocation places four columns, 256 apart. A column's place in the merged run is its place in its own run plus the number of
// those of the other run that come before it, which a binary search finds: equal elements keep their order, so for a column of the
// left run these are the smaller ones, for one of the right run the equal ones, too.

// include: order_of

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let at = first + j * 256u;
    if (at < params.rows * params.cols) {
      place(at / params.cols * params.cols, at % params.cols);
    }
  }
}

fn place(row: u32, at: u32) {
  let begin = at / params.run / 2u * params.run * 2u;
  let middle = min(begin + params.run, params.cols);
  let isLeft = at < middle;
  let own = columnAt(row, at);
  let order = orderAt(row, own);
  var low = select(begin, middle, isLeft);
  var high = select(middle, min(middle + params.run, params.cols), isLeft);
  let otherBegin = low;
  while (low < high) {
    let half = low + (high - low) / 2u;
    let other = orderAt(row, columnAt(row, half));
    if (other < order || (!isLeft && other == order)) {
      low = half + 1u;
    } else {
      high = half;
    }
  }
  let ownBegin = select(middle, begin, isLeft);
  out[row + begin + (at - ownBegin) + (low - otherBegin)] = own;
}

fn columnAt(row: u32, at: u32) -> u32 {
  if (params.run == 1u) {
    return at;
  }
  return sorted[row + at];
}

fn orderAt(row: u32, column: u32) -> u32 {
  let order = orderOf(x[row + column]);
  return select(order, 0xffffffffu - order, params.descending != 0u);
}
