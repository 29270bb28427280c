// The slots of one scalar of each block, from its tiles' sums in partials, parts added as trees; slots of parts that are not the
// block's are 0. `scalar` says which: 0 gradientSquares, 1 updateSquares, 2 paramSquares, 3 aligned. A workgroup has one
// block.

// include: part_trees

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numBlocks) {
    return;
  }
  let block = params.firstBlock + index;
  let batch = blocks[block].batch;
  let partsBatch = blocks[block].partsBatch;
  let partsDown = blocks[block].partsDown;
  let partsAcross = blocks[block].partsAcross;
  let ofPart = tilesOfPart(block);
  let tiles = ofPart * vec2u(partsDown, partsAcross);
  let vectors = blocks[block].rows * tiles.y + tiles.x * blocks[block].cols;
  let parts = Parts(
    blocks[block].partials + batch * vectors,
    partsBatch,
    partsDown,
    partsAcross,
    batch / partsBatch,
    ofPart.x,
    ofPart.y,
    tiles.y,
    tiles.x * tiles.y,
  );
  sumParts(parts, lane);

  // Per part of the batch the rows' slots, from their parts.
  let rowSlots = blocks[block].rowSlots;
  if (lane < partsBatch * rowSlots) {
    let first = ROWS + lane / rowSlots * partsDown;
    let part = lane % rowSlots - blocks[block].firstRowSlot;
    var sum = 0.0;
    if (rowSlots == 1u) {
      sum = treeOf(first, 1u, partsDown);
    } else if (part < partsDown) {
      sum = treeSums[first + part];
    }
    treeSums[BATCHES + lane] = sum;
  }
  workgroupBarrier();
  let batchSlots = blocks[block].batchSlots;
  if (lane < batchSlots * rowSlots) {
    let part = lane / rowSlots - blocks[block].firstBatchSlot;
    var sum = 0.0;
    if (batchSlots == 1u) {
      sum = treeOf(BATCHES + lane, rowSlots, partsBatch);
    } else if (part < partsBatch) {
      sum = treeSums[BATCHES + part * rowSlots + lane % rowSlots];
    }
    sums[slotsOf(block) + lane] = sum;
  }
}

fn slotsOf(block: u32) -> u32 {
  switch (params.scalar) {
    case 0u: {
      return blocks[block].gradientSquares;
    }
    case 1u: {
      return blocks[block].updateSquares;
    }
    case 2u: {
      return blocks[block].paramSquares;
    }
    default: {
      return blocks[block].aligned;
    }
  }
}
