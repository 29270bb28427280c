// values[r] = the largest element of row r, or the smallest; indices[r] = its column, the first of equal ones.
//
// `lanes` invocations share a row (32 where rows are short, else 256): each takes every lanes-th element, then a tree chooses
// among them.

// include: order_of

override lanes: u32;

var<workgroup> orders: array<u32, 256>;
var<workgroup> columns: array<u32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  // Rows past the end are empty, so that every invocation meets every barrier.
  let cols = select(0u, params.cols, row < params.rows);
  let rowLane = lane % lanes;

  // Of no element: below those of all elements.
  var best = 0u;
  var column = 0xffffffffu;
  for (var c = rowLane; c < cols; c += lanes) {
    let order = wanted(x[row * params.cols + c]);
    if (order > best) {
      best = order;
      column = c;
    }
  }
  orders[lane] = best;
  columns[lane] = column;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowLane < half) {
      let other = lane + half;
      let isBetter = orders[other] > orders[lane] ||
        (orders[other] == orders[lane] && columns[other] < columns[lane]);
      if (isBetter) {
        orders[lane] = orders[other];
        columns[lane] = columns[other];
      }
    }
  }
  if (rowLane == 0u && row < params.rows) {
    values[row] = x[row * params.cols + columns[lane]];
    indices[row] = columns[lane];
  }
}

// Larger for what is wanted more, above 0; NaN most.
fn wanted(value: f32) -> u32 {
  let order = orderOf(value);
  return select(order, 0xffffffffu - order, params.smallest != 0u && order != 0xffffffffu);
}
