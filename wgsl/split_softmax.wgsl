// exps[r, c] = exp(logits[r, c] - m[r]) for the columns c < numClasses, with m[r] the largest of them, and 0 for the others;
// statistics[r] = (m, sum of exps, logits[r, targets[r] - firstClass] where that is one of these columns, else 0).
//
// `lanes` invocations share a row (32 where rows are short, else 256), and read it twice.

// include: exp_or_nan

override lanes: u32;

var<workgroup> laneValues: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  // Rows past the end are empty, so that every invocation meets every barrier.
  let end = select(begin, begin + params.cols, row < params.rows);
  let endOfClasses = min(begin + params.numClasses, end);
  let rowLane = lane % lanes;

  var largest = -0x1.fffffep+127f;
  for (var i = begin + rowLane; i < endOfClasses; i += lanes) {
    largest = max(largest, logits[i]);
  }
  laneValues[lane] = largest;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowLane < half) {
      laneValues[lane] = max(laneValues[lane], laneValues[lane + half]);
    }
  }
  workgroupBarrier();
  largest = laneValues[lane - rowLane];
  workgroupBarrier();

  var sum = 0.0;
  for (var i = begin + rowLane; i < end; i += lanes) {
    var value = 0.0;
    if (i < endOfClasses) {
      value = expOrNan(logits[i] - largest);
    }
    exps[i] = value;
    sum += value;
  }
  laneValues[lane] = sum;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowLane < half) {
      laneValues[lane] += laneValues[lane + half];
    }
  }
  workgroupBarrier();

  if (row < params.rows && rowLane == 0u) {
    // A class before the first wraps round, beyond all columns.
    let column = targets[row] - params.firstClass;
    statistics[3u * row] = largest;
    statistics[3u * row + 1u] = laneValues[lane];
    var targetLogit = 0.0;
    if (column < params.numClasses) {
      targetLogit = logits[begin + column];
    }
    statistics[3u * row + 2u] = targetLogit;
  }
}
