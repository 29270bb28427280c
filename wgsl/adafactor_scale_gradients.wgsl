// guard[0] = 1 if gradientSquares of any block is NaN or infinite (by its exponent bits, as a compiler may take x != x for
// false), else 0 (u32); sums[slot] = factor min(1, maxNorm / |factor g|), |g|^2 the sum of all blocks' gradientSquares, none of
// them negative. That sum is taken of parts made 2^-40 times smaller, so that it stays finite where every part is.

// include: block
// include: slot_trees
// include: workgroup_sum

var<workgroup> notFinite: atomic<u32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) {
    atomicStore(&notFinite, 0u);
  }
  var part = 0.0;
  var seen = false;
  for (var i = lane; i < params.numBlocks; i += 256u) {
    let block = params.firstBlock + i;
    let squares = treeOfSlots(
      blocks[block].gradientSquares,
      blocks[block].batchSlots,
      blocks[block].rowSlots,
    );
    seen |= (bitcast<u32>(squares) & 0x7f800000u) == 0x7f800000u;
    part += squares * 0x1p-40;
  }
  workgroupBarrier();
  if (seen) {
    atomicOr(&notFinite, 1u);
  }
  let total = workgroupSum(lane, part);
  if (lane == 0u) {
    guard[0] = atomicLoad(&notFinite);
    let norm = params.factor * sqrt(total) * 0x1p20;
    // As a quotient, not a comparison: where the norm is 0 nothing is divided by it.
    sums[params.slot] = params.factor * select(1.0, params.maxNorm / norm, norm > params.maxNorm);
  }
}
