// The sizes of each block's step, from sums over the whole parameter: P2 = sum p^2, U2 = sum u^2, N = globalCount, and how
// many elements are aligned.
//   a = rate (scaleParameter ? clamp(sqrt(P2 / N), scaleFloor, scaleCeiling) : 1)     d = max(1, sqrt(U2 / N) / clipThreshold)
//   decay = a decayTimesStep + decayAbsolute     share = cautious ? max(aligned / N, 1e-3) : 1
//   take = (1 - beta1) (rateAfterMomentum ? 1 : a) / d     over = (rateAfterMomentum ? a : 1) / share

// include: block
// include: slot_trees

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= params.numBlocks) {
    return;
  }
  let block = params.firstBlock + index;
  let paramRms = sqrt(meanOf(block, blocks[block].paramSquares));
  let updateRms = sqrt(meanOf(block, blocks[block].updateSquares));
  let size = clamp(paramRms, blocks[block].scaleFloor, blocks[block].scaleCeiling);
  let a = numbers[block].rate * select(1.0, size, blocks[block].scaleParameter != 0u);
  let d = max(1.0, updateRms / blocks[block].clipThreshold);
  let decay = fma(a, numbers[block].decayTimesStep, numbers[block].decayAbsolute);
  var share = 1.0;
  if (blocks[block].cautious != 0u) {
    share = max(meanOf(block, blocks[block].aligned), 1e-3);
  }
  let isRateAfter = blocks[block].rateAfterMomentum != 0u;
  let take = (1.0 - blocks[block].beta1) * select(a, 1.0, isRateAfter) / d;
  let over = select(1.0, a, isRateAfter) / share;
  steps[block] = Step(a, d, decay, take, over, share, paramRms, updateRms, numbers[block].key);
}

fn meanOf(block: u32, first: u32) -> f32 {
  let sum = treeOfSlots(first, blocks[block].batchSlots, blocks[block].rowSlots);
  return sum / blocks[block].globalCount;
}
