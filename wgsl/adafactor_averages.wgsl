// The running averages of each block and the factors made from them, for gradients scaled by s = sums[gradientScale];
// nothing is written where guard[0] != 0.
//   R <- keep R + take (s^2 rowSum / globalCols + eps1)     C <- keep C + take (s^2 colSum / globalRows + eps1)
//   M <- keep M + take (s^2 total / (globalRows globalCols) + eps1)
//   row factors = s rsqrt(R / max(M, meanFloor)), column factors = rsqrt(C), the cap = s factorCap
// No square root is taken of less than TINY, the smallest normal number: a row without gradients gets a finite factor. The cap
// is at most LARGEST, so that gradients of 0 stay 0 where a small loss scale makes s large.
// Every row factor needs the new M of its matrix, so `means` computes M, a block per workgroup, before `vectors` computes
// the rest, an element per lane.

// include: block
// include: vector_search
// include: slot_trees

const TINY = 1.17549435e-38;
const LARGEST = 0x1.fffffep+127f;

@compute @workgroup_size(256)
fn means(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numBlocks || guard[0] != 0u) {
    return;
  }
  let block = params.firstBlock + index;
  let batch = blocks[block].batch;
  let vectors = batch * (blocks[block].rows + blocks[block].cols);
  let rowSlots = blocks[block].rowSlots;
  for (var b = lane; b < batch; b += 256u) {
    let total = treeOfRowSlots(blocks[block].totals + b * rowSlots, rowSlots);
    let mean = total / blocks[block].globalRows / blocks[block].globalCols;
    let slot = blocks[block].moments + vectors + b;
    moments[slot] = averageOf(block, moments[slot], mean);
  }
  if (lane == 0u) {
    factors[blocks[block].factors + vectors] =
      min(sums[params.gradientScale] * blocks[block].factorCap, LARGEST);
  }
}

@compute @workgroup_size(256)
fn vectors(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 256u + lane;
  if (index >= params.numVectors || guard[0] != 0u) {
    return;
  }
  let number = params.firstVector + index;
  let block = blockOfVector(number);
  let at = number - blocks[block].firstVector;
  let rows = blocks[block].rows;
  let numRows = blocks[block].batch * rows;
  let numCols = blocks[block].batch * blocks[block].cols;
  if (at >= numRows + numCols) {
    return;
  }
  let slot = blocks[block].moments + at;
  if (at < numRows) {
    let mean = sums[blocks[block].rowSums + at] / blocks[block].globalCols;
    let r = averageOf(block, moments[slot], mean);
    moments[slot] = r;
    let m = moments[blocks[block].moments + numRows + numCols + at / rows];
    let floored = max(m, max(blocks[block].meanFloor, TINY));
    factors[blocks[block].factors + at] =
      sums[params.gradientScale] * inverseSqrt(max(r / floored, TINY));
  } else {
    let mean = sums[blocks[block].colSums + at - numRows] / blocks[block].globalRows;
    let c = averageOf(block, moments[slot], mean);
    moments[slot] = c;
    factors[blocks[block].factors + at] = inverseSqrt(max(c, TINY));
  }
}

fn averageOf(block: u32, before: f32, now: f32) -> f32 {
  let take = numbers[block].take;
  let scale = sums[params.gradientScale];
  return fma(take, fma(scale * now, scale, blocks[block].eps1), (1.0 - take) * before);
}
