// sums[rowSums ..], sums[colSums ..] and sums[totals ..] of each block from the partials of its tiles, parts added as trees;
// slots of rows' parts that are not the block's are 0.
//
// A workgroup has 32 neighbouring elements of the blocks' vectors [row sums, column sums, totals] with 8 lanes each, one
// for each part. Then the whole workgroup sums each total that is among them, as a total is the sum of many tiles.

// include: vector_search
// include: part_trees

// [parts, elements]
var<workgroup> partSums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let begin = (group.y * groups.x + group.x) * 32u;
  if (begin >= params.numVectors) {
    return;
  }
  let first = params.firstVector + begin;
  let end = params.firstVector + min(begin + 32u, params.numVectors);

  let number = first + lane % 32u;
  var element = Element();
  if (number < end) {
    element = elementAt(number);
  }
  partSums[lane] = sumOfPart(element, lane / 32u);
  workgroupBarrier();
  if (lane < 32u && element.isVector) {
    var parts: array<f32, 8>;
    for (var k = 0u; k < 8u; k++) { // unroll
      parts[k] = partSums[lane + 32u * k];
    }
    sums[element.slot] = ((parts[0] + parts[1]) + (parts[2] + parts[3])) +
      ((parts[4] + parts[5]) + (parts[6] + parts[7]));
  }

  let lastBlock = params.firstBlock + params.numBlocks;
  for (var block = blockOfVector(first); block < lastBlock; block++) {
    if (blocks[block].firstVector >= end) {
      break;
    }
    let batch = blocks[block].batch;
    let rowSlots = blocks[block].rowSlots;
    let totals = blocks[block].firstVector + batch * (blocks[block].rows + blocks[block].cols);
    for (var at = max(first, totals); at < min(end, totals + batch * rowSlots); at++) {
      sumTotal(block, at - totals, lane);
    }
  }
}

// A row or column of a block: where its sum goes, and where the partials of its first part begin.
struct Element {
  isVector: bool,
  slot: u32,
  first: u32,
  step: u32,
  numParts: u32,
  tilesOfPart: u32,
}

fn elementAt(number: u32) -> Element {
  let block = blockOfVector(number);
  let at = number - blocks[block].firstVector;
  let cols = blocks[block].cols;
  let numRows = blocks[block].batch * blocks[block].rows;
  let parts = vec2u(blocks[block].partsDown, blocks[block].partsAcross);
  let ofPart = tilesOfPart(block);
  let tiles = parts * ofPart;
  let partials = blocks[block].partials;
  if (at < numRows) {
    let first = partials + at * tiles.y;
    return Element(true, blocks[block].rowSums + at, first, 1u, parts.y, ofPart.y);
  }
  let column = at - numRows;
  if (column >= blocks[block].batch * cols) {
    return Element();
  }
  let first = partials + numRows * tiles.y + column / cols * tiles.x * cols + column % cols;
  return Element(true, blocks[block].colSums + column, first, cols, parts.x, ofPart.x);
}

fn sumOfPart(element: Element, part: u32) -> f32 {
  var sum = 0.0;
  if (!element.isVector || part >= element.numParts) {
    return sum;
  }
  var at = element.first + part * element.tilesOfPart * element.step;
  let end = at + element.tilesOfPart * element.step;
  let step = element.step;
  // Four loads in flight at a time.
  for (; end - at >= 4u * step; at += 4u * step) {
    let four = vec4f(partials[at], partials[at + step], partials[at + 2u * step], partials[at + 3u * step]);
    sum = (((sum + four.x) + four.y) + four.z) + four.w;
  }
  for (; at < end; at += step) {
    sum += partials[at];
  }
  return sum;
}

fn sumTotal(block: u32, total: u32, lane: u32) {
  let rowSlots = blocks[block].rowSlots;
  let slot = total % rowSlots;
  let matrix = total / rowSlots;
  let ofPart = tilesOfPart(block);
  let tiles = ofPart * vec2u(blocks[block].partsDown, blocks[block].partsAcross);
  let vectors = blocks[block].rows * tiles.y + tiles.x * blocks[block].cols;
  let first = blocks[block].partials + blocks[block].batch * vectors + matrix * tiles.x * tiles.y;
  // With a slot for each of the rows' parts only one of them, or none, else all.
  let part = select(0u, slot - blocks[block].firstRowSlot, rowSlots > 1u);
  let partsDown = select(blocks[block].partsDown, 1u, rowSlots > 1u);
  var sum = 0.0;
  if (part < blocks[block].partsDown) {
    let parts = Parts(
      first + part * ofPart.x * tiles.y,
      1u,
      partsDown,
      blocks[block].partsAcross,
      1u,
      ofPart.x,
      ofPart.y,
      tiles.y,
      tiles.x * tiles.y,
    );
    sumParts(parts, lane);
    sum = treeOf(ROWS, 1u, partsDown);
  }
  if (lane == 0u) {
    sums[blocks[block].totals + total] = sum;
  }
}
