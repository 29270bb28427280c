// losses[r] = logsumexp(logits[r, :]) - logits[r, targets[r]];   dlogits = gradScale (softmax(logits) - onehot(targets))
//
// `lanes` invocations share a row (32 where rows are short, else 256), and read it three times: for its largest logit,
// for the sum of exp(logit - largest), which then neither overflows nor loses the large ones, and to write the gradient.
// A row whose target is `ignored` has neither loss nor gradient, whatever its logits.

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
  let rowLane = lane % lanes;

  var largest = -0x1.fffffep+127f;
  for (var i = begin + rowLane; i < end; i += lanes) {
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
    sum += expOrNan(logits[i] - largest);
  }
  laneValues[lane] = sum;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowLane < half) {
      laneValues[lane] += laneValues[lane + half];
    }
  }
  workgroupBarrier();
  sum = laneValues[lane - rowLane];

  if (row < params.rows) {
    let answerClass = targets[row];
    let counts = answerClass != params.ignored;
    let answer = begin + select(0u, answerClass, counts);
    for (var i = begin + rowLane; i < end; i += lanes) {
      let probability = expOrNan(logits[i] - largest) / sum;
      let gradient = params.gradScale * (probability - select(0.0, 1.0, i == answer));
      dlogits[i] = select(0.0, gradient, counts);
    }
    if (rowLane == 0u) {
      losses[row] = select(0.0, log(sum) + (largest - logits[answer]), counts);
    }
  }
}
