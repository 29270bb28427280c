// Generated from wgsl/ by `deno task wgsl`: do not edit.
// deno-fmt-ignore-file

/** Shaders: the text of wgsl/NAME.wgsl by NAME. */
export const wgslSources: Readonly<Record<string, string>> = {
  accumulate: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.length) {
      out[i] += params.factor * x[i];
    }
  }
}`,
  adafactor_averages: `
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
}`,
  adafactor_join_scalar: `
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
}`,
  adafactor_join_sums: `
// include: vector_search
// include: part_trees
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
}`,
  adafactor_momentum: `
// include: MEASURE
// include: tile
// include: workgroup_sum
// include: storage_quads
// include: tensor_quads for grad
// include: tensor_quads for momentum
// include: tensor_quad_stores for momentum
// include: update_quads
fn isPaired() -> bool {
  return gradType != 0u || momentumType != 0u;
}
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numTiles) {
    return;
  }
  let tile = tileAt(params.firstTile + index);
  let changing = guard[0] == 0u;
  let gradOffset = blocks[tile.block].gradOffset;
  let momentumOffset = blocks[tile.block].momentumOffset;
  let beta1 = blocks[tile.block].beta1;
  let take = steps[tile.block].take;
  let d = steps[tile.block].d;
  var sums = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let by = factorsOf(tile, place);
    var columns = vec4f();
    for (var band = tile.rowBegin; band < tile.rowEnd; band += BAND_ROWS * tile.lanesY) {
      var rowFactors: array<f32, BAND_ROWS>;
      var gradWords: array<vec4u, BAND_ROWS>;
      var momentumWords: array<vec4u, BAND_ROWS>;
      let isWhole = isFull(tile, colBegin, band, BAND_ROWS);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      for (var i = 0u; i < BAND_ROWS; i++) { // unroll
        rowFactors[i] = rowFactorOf(tile, by, band + place.y + i * tile.lanesY);
      }
      if (isWhole) {
        for (var i = 0u; i < BAND_ROWS; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
          momentumWords[i] = wholeMomentum(momentumOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < BAND_ROWS; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
          momentumWords[i] = loadMomentum(momentumOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < BAND_ROWS; i++) { // unroll
        let row = band + place.y + i * tile.lanesY;
        let isIn = insideOf(tile, place, row);
        var measure = vec4f();
        if (changing) {
          let u = updateOf(by, rowFactors[i], quadOfWords(gradType, gradWords[i]));
          let m = fma(vec4f(take), u, beta1 * quadOfWords(momentumType, momentumWords[i]));
          let words = wordsOfQuad(momentumType, m);
          storeMomentum(momentumOffset + start + i * step, place.cols, isIn, words);
          measure = measureOf(Renewed(u, m, words, take, d));
        }
        columns = withMeasure(columns, measure);
        leaveMeasure(tile, place, i, measure);
      }
      endBand(tile, place, lane, band);
    }
    endColumns(tile, place, lane, columns);
    sums += columns;
  }
  let sum = workgroupSum(lane, (sums.x + sums.y) + (sums.z + sums.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}
struct Renewed {
  u: vec4f,
  m: vec4f,
  words: vec4u,
  take: f32,
  d: f32,
}`,
  adafactor_scale_gradients: `
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
    sums[params.slot] = params.factor * select(1.0, params.maxNorm / norm, norm > params.maxNorm);
  }
}`,
  adafactor_step: `
// include: RULE
// include: tile
// include: workgroup_sum
// include: tensor_quads for grad
// include: tensor_quads for param
// include: tensor_quad_stores for param
// include: update_quads
// include: rounded_params
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numTiles) {
    return;
  }
  let tile = tileAt(params.firstTile + index);
  let changing = guard[0] == 0u;
  let gradOffset = blocks[tile.block].gradOffset;
  let paramOffset = blocks[tile.block].paramOffset;
  let momentumOffset = blocks[tile.block].momentumOffset;
  let rates = ratesOf(tile.block);
  var squares = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let by = factorsOf(tile, place);
    let rounding = roundingOf(tile, place);
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 4u * tile.lanesY) {
      var rowFactors: array<f32, 4>;
      var gradWords: array<vec4u, 4>;
      var paramWords: array<vec4u, 4>;
      var momentumWords: array<vec4u, 4>;
      let isWhole = isFull(tile, colBegin, band, 4u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      for (var i = 0u; i < 4u; i++) { // unroll
        rowFactors[i] = rowFactorOf(tile, by, band + place.y + i * tile.lanesY);
      }
      if (isWhole) {
        for (var i = 0u; i < 4u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
          paramWords[i] = wholeParam(paramOffset + start + i * step, place.cols);
          momentumWords[i] = wholeMomentum(momentumOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 4u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
          paramWords[i] = loadParam(paramOffset + start + i * step, place.cols, isIn);
          momentumWords[i] = loadMomentum(momentumOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 4u; i++) { // unroll
        let row = band + place.y + i * tile.lanesY;
        let isIn = insideOf(tile, place, row);
        var p = quadOfWords(paramType, paramWords[i]);
        if (changing) {
          let u = updateOf(by, rowFactors[i], quadOfWords(gradType, gradWords[i]));
          let before = Momentum(momentumWords[i], momentumOffset + start + i * step, place.cols, isIn);
          p = steppedParams(rates, p, u, before);
          let words = roundedParams(rounding, row, p);
          storeParam(paramOffset + start + i * step, place.cols, isIn, words);
          p = quadOfWords(paramType, words);
        }
        squares = fma(p, p, squares);
      }
    }
  }
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}
struct Momentum {
  words: vec4u,
  row: u32,
  cols: vec4u,
  isIn: vec4<bool>,
}`,
  adafactor_step_sizes: `
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
}`,
  adafactor_tile_params: `
// include: tile
// include: workgroup_sum
// include: storage_quads
// include: tensor_quads for param
fn isPaired() -> bool {
  return paramType != 0u;
}
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numTiles) {
    return;
  }
  let tile = tileAt(params.firstTile + index);
  let paramOffset = blocks[tile.block].paramOffset;
  var squares = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 4u * tile.lanesY) {
      var paramWords: array<vec4u, 4>;
      let isWhole = isFull(tile, colBegin, band, 4u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      if (isWhole) {
        for (var i = 0u; i < 4u; i++) { // unroll
          paramWords[i] = wholeParam(paramOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 4u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          paramWords[i] = loadParam(paramOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 4u; i++) { // unroll
        let p = quadOfWords(paramType, paramWords[i]);
        squares = fma(p, p, squares);
      }
    }
  }
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}`,
  adafactor_tile_sums: `
// include: tile
// include: workgroup_sum
// include: storage_quads
// include: tile_vectors
// include: tensor_quads for grad
fn isPaired() -> bool {
  return gradType != 0u;
}
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numTiles) {
    return;
  }
  let tile = tileAt(params.firstTile + index);
  let gradOffset = blocks[tile.block].gradOffset;
  var squares = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    var columns = vec4f();
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 8u * tile.lanesY) {
      var gradWords: array<vec4u, 8>;
      let isWhole = isFull(tile, colBegin, band, 8u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      if (isWhole) {
        for (var i = 0u; i < 8u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 8u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 8u; i++) { // unroll
        let g = quadOfWords(gradType, gradWords[i]);
        columns = fma(g, g, columns);
        leaveRow(tile, place, i, g);
      }
      workgroupBarrier();
      joinRows(tile, place, lane, band);
    }
    joinColumns(tile, place, lane, columns);
    squares += columns;
  }
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}`,
  adafactor_tile_updates: `
// include: tile
// include: workgroup_sum
// include: storage_quads
// include: tensor_quads for grad
// include: update_quads
fn isPaired() -> bool {
  return gradType != 0u;
}
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numTiles) {
    return;
  }
  let tile = tileAt(params.firstTile + index);
  let gradOffset = blocks[tile.block].gradOffset;
  var squares = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let by = factorsOf(tile, place);
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 4u * tile.lanesY) {
      var rowFactors: array<f32, 4>;
      var gradWords: array<vec4u, 4>;
      let isWhole = isFull(tile, colBegin, band, 4u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      for (var i = 0u; i < 4u; i++) { // unroll
        rowFactors[i] = rowFactorOf(tile, by, band + place.y + i * tile.lanesY);
      }
      if (isWhole) {
        for (var i = 0u; i < 4u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 4u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 4u; i++) { // unroll
        let u = updateOf(by, rowFactors[i], quadOfWords(gradType, gradWords[i]));
        squares = fma(u, u, squares);
      }
    }
  }
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}`,
  adamw_step: `
// include: block
// include: tile
// include: storage_quads
// include: tensor_quads for grad
// include: tensor_quads for param
// include: tensor_quad_stores for param
// include: tensor_quads for momentum
// include: tensor_quad_stores for momentum
// include: tensor_quads for secondMoment
// include: tensor_quad_stores for secondMoment
// include: stochastic_quads
// include: rounded_params
fn isPaired() -> bool {
  return gradType != 0u || paramType != 0u || momentumType != 0u || secondMomentType != 0u;
}
fn averaged(before: vec4f, now: vec4f, take: f32) -> vec4f {
  if (take < 0.5) {
    return fma(vec4f(take), now - before, before);
  }
  return fma(vec4f(1.0 - take), before - now, now);
}
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numTiles || guard[0] != 0u) {
    return;
  }
  let tile = tileAt(params.firstTile + index);
  let gradOffset = blocks[tile.block].gradOffset;
  let paramOffset = blocks[tile.block].paramOffset;
  let momentumOffset = blocks[tile.block].momentumOffset;
  let secondMomentOffset = blocks[tile.block].secondMomentOffset;
  let scale = sums[params.gradientScale];
  let stepSize = steps[tile.block].stepSize;
  let rootCorrection = steps[tile.block].rootCorrection;
  let decay = steps[tile.block].decay;
  let take = steps[tile.block].take;
  let takeSquares = steps[tile.block].takeSquares;
  let eps = steps[tile.block].eps;
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let rounding = roundingOf(tile, place);
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 2u * tile.lanesY) {
      var gradWords: array<vec4u, 2>;
      var paramWords: array<vec4u, 2>;
      var momentumWords: array<vec4u, 2>;
      var secondMomentWords: array<vec4u, 2>;
      let isWhole = isFull(tile, colBegin, band, 2u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      if (isWhole) {
        for (var i = 0u; i < 2u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
          paramWords[i] = wholeParam(paramOffset + start + i * step, place.cols);
          momentumWords[i] = wholeMomentum(momentumOffset + start + i * step, place.cols);
          secondMomentWords[i] = wholeSecondMoment(secondMomentOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 2u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
          paramWords[i] = loadParam(paramOffset + start + i * step, place.cols, isIn);
          momentumWords[i] = loadMomentum(momentumOffset + start + i * step, place.cols, isIn);
          secondMomentWords[i] = loadSecondMoment(secondMomentOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 2u; i++) { // unroll
        let row = band + place.y + i * tile.lanesY;
        let isIn = insideOf(tile, place, row);
        let g = scale * quadOfWords(gradType, gradWords[i]);
        let oldM = quadOfWords(momentumType, momentumWords[i]);
        let oldV = quadOfWords(secondMomentType, secondMomentWords[i]);
        let m = averaged(oldM, g, take);
        let v = averaged(oldV, g * g, takeSquares);
        let p = quadOfWords(paramType, paramWords[i]);
        let u = m / fma(sqrt(v), vec4f(rootCorrection), vec4f(eps));
        let moved = fma(vec4f(-stepSize), u, fma(vec4f(-decay), p, p));
        storeMomentum(momentumOffset + start + i * step, place.cols, isIn, wordsOfQuad(momentumType, m));
        storeSecondMoment(secondMomentOffset + start + i * step, place.cols, isIn, wordsOfQuad(secondMomentType, v));
        storeParam(paramOffset + start + i * step, place.cols, isIn, roundedParams(rounding, row, moved));
      }
    }
  }
}`,
  attention: `
// include: exp_or_nan
// include: attention_tile
const HIDDEN = -0x1.fffffep+127f;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (params.queries + 31u) / 32u;
  let block = group.y * groups.x + group.x;
  let place = headAt(block / blocks / params.heads, block / blocks % params.heads);
  let queryFirst = block % blocks * 32u;
  if (place.batch >= params.batch) {
    return;
  }
  let row = lane / 8u * 33u;
  let query = queryFirst + lane / 8u;
  var largest = HIDDEN;
  var sum = 0.0;
  var values = array<vec4f, 8>();
  for (var keyFirst = firstKey(queryFirst); keyFirst < endOfKeys(queryFirst); keyFirst += 32u) {
    let dots = scoreDots(lane, place, queryFirst, keyFirst);
    for (var j = 0u; j < 4u; j++) { // unroll
      let r = lane / 16u + j / 2u * 16u;
      let c = lane % 16u + j % 2u * 16u;
      var score = HIDDEN;
      if (sees(place, queryFirst + r, keyFirst + c)) {
        score = scoreOf(place, queryFirst + r, keyFirst + c, dots[j]);
      }
      tile[r * 33u + c] = score;
    }
    workgroupBarrier();
    let before = largest;
    for (var j = 0u; j < 32u; j++) { // unroll
      largest = max(largest, tile[row + j]);
    }
    workgroupBarrier();
    for (var j = 0u; j < 4u; j++) { // unroll
      let at = row + lane % 8u * 4u + j;
      let score = tile[at];
      tile[at] = select(expOrNan(score - largest), 0.0, score <= HIDDEN);
    }
    workgroupBarrier();
    let kept = expOrNan(before - largest);
    sum *= kept;
    for (var j = 0u; j < 32u; j++) { // unroll
      sum += tile[row + j];
    }
    if (params.threshold != 0u) {
      workgroupBarrier();
      for (var j = 0u; j < 4u; j++) {
        let c = lane % 8u * 4u + j;
        tile[row + c] *= keptShare(place, query, keyFirst + c);
      }
    }
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      if (chunk * 32u < params.valueDim) {
        stageV(lane, PANEL_1, place, keyFirst, chunk * 32u);
        workgroupBarrier();
        values[chunk] = fma(values[chunk], vec4f(kept), weighted(lane));
        workgroupBarrier();
      }
    }
  }
  if (query < params.queries) {
    let begin = queryRow(place, query) * params.valueDim;
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      for (var j = 0u; j < 4u; j++) { // unroll
        let d = chunk * 32u + lane % 8u * 4u + j;
        if (d < params.valueDim) {
          out[begin + d] = select(values[chunk][j] / sum, 0.0, sum == 0.0);
        }
      }
    }
    if (lane % 8u == 0u) {
      let at = (place.batch * params.heads + place.head) * params.queries + query;
      lse[at] = select(largest + log(sum), 0.0, sum == 0.0);
    }
  }
}`,
  attention_bias_backward: `
// include: attention_pairs
@compute @workgroup_size(256)
fn diagonals(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let queryTiles = (params.queries + 31u) / 32u;
  let keyTiles = (params.keys + 31u) / 32u;
  let perHead = queryTiles + keyTiles - 1u;
  let block = group.y * groups.x + group.x;
  let head = block / perHead;
  let diagonal = block % perHead;
  if (head >= params.heads) {
    return;
  }
  var sum = 0.0;
  for (var batch = 0u; batch < params.batch; batch++) {
    let place = headAt(batch, head);
    for (var queryTile = 0u; queryTile < queryTiles; queryTile++) {
      let keyTile = queryTile + diagonal + 1u - queryTiles;
      if (queryTile + diagonal + 1u >= queryTiles && keyTile < keyTiles) {
        let pairs = pairsOf(lane, place, queryTile * 32u, keyTile * 32u);
        for (var j = 0u; j < 4u; j++) { // unroll
          tile[(lane / 16u + j / 2u * 16u) * 33u + lane % 16u + j % 2u * 16u] = pairs.ds[j];
        }
        workgroupBarrier();
        for (var r = 0u; r < 32u; r++) {
          let c = r + lane - 31u;
          if (lane < 63u && r + lane >= 31u && c < 32u) {
            sum += tile[r * 33u + c];
          }
        }
        workgroupBarrier();
      }
    }
  }
  if (lane < 63u) {
    scratch[block * 63u + lane] = sum;
  }
}
@compute @workgroup_size(256)
fn finish(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let queryTiles = (params.queries + 31u) / 32u;
  let perHead = queryTiles + (params.keys + 31u) / 32u - 1u;
  let distances = params.queries + params.keys - 1u;
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= params.heads * distances) {
    return;
  }
  let at = i % distances + 32u * queryTiles - params.queries;
  let diagonal = at / 32u;
  let first = i / distances * perHead;
  var sum = 0.0;
  if (diagonal < perHead) {
    sum = scratch[(first + diagonal) * 63u + at % 32u];
  }
  if (diagonal > 0u && at % 32u < 31u) {
    sum += scratch[(first + diagonal - 1u) * 63u + at % 32u + 32u];
  }
  dbias[i] = sum;
}`,
  attention_delta: `
// include: lane_sums
override lanes: u32;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let isInside = row < params.batch * params.queries * params.heads;
  let count = select(0u, params.valueDim, isInside);
  let begin = row * params.valueDim;
  var sum = 0.0;
  for (var d = lane % lanes; d < count; d += lanes) {
    sum += dout[begin + d] * out[begin + d];
  }
  let delta = rowSum(lane, sum);
  if (isInside && lane % lanes == 0u) {
    let head = row % params.heads;
    let query = row / params.heads % params.queries;
    let ofHead = row / params.heads / params.queries * params.heads + head;
    moments[ofHead * 2u * params.queries + query] = lse[ofHead * params.queries + query];
    moments[(ofHead * 2u + 1u) * params.queries + query] = delta;
  }
}`,
  attention_key_gradients: `
// include: attention_pairs
@compute @workgroup_size(256)
fn keyGradients(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (params.keys + 31u) / 32u;
  let block = group.y * groups.x + group.x;
  let batch = block / blocks / params.keyHeads;
  let keyHead = block / blocks % params.keyHeads;
  let keyFirst = block % blocks * 32u;
  if (batch >= params.batch) {
    return;
  }
  let groupSize = params.heads / params.keyHeads;
  var queryBegin = select(0u, keyFirst, params.causal != 0u);
  if (params.causal == 0u && params.window != 0u && keyFirst >= params.window) {
    queryBegin = (keyFirst + 1u - params.window) / 32u * 32u;
  }
  var queryEnd = params.queries;
  if (params.window != 0u && params.window < params.queries) {
    queryEnd = min(queryEnd, keyFirst + 31u + params.window);
  }
  var keySums = array<vec4f, 8>();
  var valueSums = array<vec4f, 8>();
  for (var member = 0u; member < groupSize; member++) {
    let place = Head(batch, keyHead * groupSize + member, keyHead);
    for (var queryFirst = queryBegin; queryFirst < queryEnd; queryFirst += 32u) {
      let pairs = pairsOf(lane, place, queryFirst, keyFirst);
      for (var j = 0u; j < 4u; j++) { // unroll
        tile[(lane % 16u + j % 2u * 16u) * 33u + lane / 16u + j / 2u * 16u] = pairs.p[j];
      }
      for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
        if (chunk * 32u < params.valueDim) {
          stageDout(lane, PANEL_1, place, queryFirst, chunk * 32u);
          workgroupBarrier();
          valueSums[chunk] += weighted(lane);
          workgroupBarrier();
        }
      }
      for (var j = 0u; j < 4u; j++) { // unroll
        tile[(lane % 16u + j % 2u * 16u) * 33u + lane / 16u + j / 2u * 16u] = pairs.ds[j];
      }
      for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
        if (chunk * 32u < params.dim) {
          stageQ(lane, PANEL_1, place, queryFirst, chunk * 32u);
          workgroupBarrier();
          keySums[chunk] += weighted(lane);
          workgroupBarrier();
        }
      }
    }
  }
  let key = keyFirst + lane / 8u;
  if (key < params.keys) {
    let row = keyRow(Head(batch, 0u, keyHead), key);
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      for (var j = 0u; j < 4u; j++) { // unroll
        let d = chunk * 32u + lane % 8u * 4u + j;
        if (d < params.dim) {
          dk[row * params.dim + d] = params.scale * keySums[chunk][j];
        }
        if (d < params.valueDim) {
          dv[row * params.valueDim + d] = valueSums[chunk][j];
        }
      }
    }
  }
}`,
  attention_pack: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let numMasks = params.masked * params.batch * params.keys;
  let numBiases = params.biased * params.heads * (params.queries + params.keys - 1u);
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < numMasks) {
      scratch[i] = keyMask[i];
    } else if (i < numMasks + numBiases) {
      scratch[i] = bitcast<u32>(bias[i - numMasks]);
    }
  }
}`,
  attention_query_gradients: `
// include: attention_pairs
@compute @workgroup_size(256)
fn queryGradients(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (params.queries + 31u) / 32u;
  let block = group.y * groups.x + group.x;
  let place = headAt(block / blocks / params.heads, block / blocks % params.heads);
  let queryFirst = block % blocks * 32u;
  if (place.batch >= params.batch) {
    return;
  }
  var sums = array<vec4f, 8>();
  for (var keyFirst = firstKey(queryFirst); keyFirst < endOfKeys(queryFirst); keyFirst += 32u) {
    let pairs = pairsOf(lane, place, queryFirst, keyFirst);
    for (var j = 0u; j < 4u; j++) { // unroll
      tile[(lane / 16u + j / 2u * 16u) * 33u + lane % 16u + j % 2u * 16u] = pairs.ds[j];
    }
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      if (chunk * 32u < params.dim) {
        stageK(lane, PANEL_1, place, keyFirst, chunk * 32u);
        workgroupBarrier();
        sums[chunk] += weighted(lane);
        workgroupBarrier();
      }
    }
  }
  let query = queryFirst + lane / 8u;
  if (query < params.queries) {
    let begin = queryRow(place, query) * params.dim;
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      for (var j = 0u; j < 4u; j++) { // unroll
        let d = chunk * 32u + lane % 8u * 4u + j;
        if (d < params.dim) {
          dq[begin + d] = params.scale * sums[chunk][j];
        }
      }
    }
  }
}`,
  cast: `
// include: storage_types
override accumulates: bool = false;
fn renewed(at: u32, old: u32) -> u32 {
  let i = at - params.toOffset;
  if (i >= params.length) {
    return old;
  }
  let source = params.fromOffset + i;
  var bits = 0u;
  if (params.fromType == 0u) {
    bits = x[source];
  } else {
    bits = extractBits(x[source / 2u], source % 2u * 16u, 16u);
  }
  if (params.fromType == params.toType && !accumulates) {
    return bits;
  }
  if (params.fromType != 0u) {
    bits = widen(params.fromType, bits);
  }
  if (accumulates) {
    var oldBits = old;
    if (params.toType != 0u) {
      oldBits = widen(params.toType, old);
    }
    bits = bitcast<u32>(bitcast<f32>(oldBits) + bitcast<f32>(bits));
  }
  if (params.toType == 0u) {
    return bits;
  }
  return narrow(params.toType, bits);
}
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let perWord = select(2u, 1u, params.toType == 0u);
  let first = params.toOffset / perWord + (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let word = first + j * 256u;
    if (word * perWord < params.toOffset + params.length) {
      let old = out[word];
      if (perWord == 1u) {
        out[word] = renewed(word, old);
      } else {
        out[word] = renewed(2u * word, old & 0xffffu) |
          (renewed(2u * word + 1u, old >> 16u) << 16u);
      }
    }
  }
}`,
  column_sums: `
// include: block_tile
// include: strided_sums
var<workgroup> laneSums: array<vec4f, 256>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  if (tile >= tilesDown(params.rows) * tilesAcross(params.cols)) {
    return;
  }
  let place = placeInTile(tile, lane);
  var sums = vec4f();
  for (var i = 0u; i < 8u; i++) { // unroll
    let row = place.row + i * 4u;
    for (var j = 0u; j < 4u; j++) { // unroll
      let col = place.col + j * 64u;
      if (row < params.rows && col < params.cols) {
        sums[j] += x[row * params.cols + col];
      }
    }
  }
  laneSums[lane] = sums;
  workgroupBarrier();
  let col = place.colTile * 256u + lane;
  let c = lane % 64u;
  let j = lane / 64u;
  if (col < params.cols) {
    scratch[place.rowTile * params.cols + col] =
      (laneSums[c][j] + laneSums[c + 64u][j]) + (laneSums[c + 128u][j] + laneSums[c + 192u][j]);
  }
}
@compute @workgroup_size(256)
fn finish(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let col = (group.y * groups.x + group.x) * 8u + lane % 8u;
  let count = select(0u, tilesDown(params.rows), col < params.cols);
  let sum = stridedSum(lane, col, params.cols, count);
  if (lane < 8u && col < params.cols) {
    let before = select(0.0, out[col], params.accumulate != 0u);
    out[col] = before + sum;
  }
}`,
  copy_block: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.rows * params.cols) {
      let r = i / params.cols;
      let c = i % params.cols;
      out[r * params.toStride + params.toOffset + c] = x[r * params.fromStride + params.fromOffset + c];
    }
  }
}`,
  dropout: `
// include: mix
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.length) {
      let index = params.first + i / params.cols * params.rowLength + i % params.cols;
      let random = mix(mix(index ^ params.seedLow) ^ params.seedHigh);
      out[i] = select(0.0, params.scale * x[i], random >= params.threshold);
    }
  }
}`,
  embedding: `
// include: storage_types
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.count * params.width) {
      let t = i / params.width;
      let d = i % params.width;
      let at = indices[t] * params.width + d;
      if (indices[t] >= params.numRows) {
        out[i] = 0u;
      } else if (params.tableType == 0u) {
        out[i] = table[at];
      } else {
        out[i] = widen(params.tableType, extractBits(table[at / 2u], at % 2u * 16u, 16u));
      }
    }
  }
}`,
  embedding_backward: `
var<workgroup> matches: array<atomic<u32>, 64>;
var<workgroup> numMatches: atomic<u32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocksAcross = (params.width + 255u) / 256u;
  let block = group.y * groups.x + group.x;
  let v = block / blocksAcross;
  let d = block % blocksAcross * 256u + lane;
  if (v >= params.numRows) {
    return;
  }
  var sum = 0.0;
  for (var first = 0u; first < params.count; first += 2048u) {
    if (lane < 64u) {
      atomicStore(&matches[lane], 0u);
    }
    if (lane == 64u) {
      atomicStore(&numMatches, 0u);
    }
    workgroupBarrier();
    for (var j = 0u; j < 8u; j++) { // unroll
      let offset = j * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
    }
    workgroupBarrier();
    var left = atomicLoad(&numMatches);
    for (var word = 0u; left > 0u; word++) {
      var bits = atomicLoad(&matches[word]);
      left -= countOneBits(bits);
      while (bits != 0u) {
        let t = first + word * 32u + firstTrailingBit(bits);
        if (d < params.width) {
          sum += dy[t * params.width + d];
        }
        bits &= bits - 1u;
      }
    }
    workgroupBarrier();
  }
  if (d < params.width) {
    dtable[v * params.width + d] += sum;
  }
}`,
  fill: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.length) {
      out[params.offset + i] = params.value;
    }
  }
}`,
  fold: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let length = params.images * params.channels * params.height * params.width;
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var k = 0u; k < 4u; k++) { // unroll
    let at = first + k * 256u;
    if (at < length) {
      let ix = at % params.width;
      let iy = at / params.width % params.height;
      let c = at / params.width / params.height % params.channels;
      let b = at / params.width / params.height / params.channels;
      var sum = 0.0;
      if (params.biasLength != 0u) {
        sum = bias[c];
      }
      for (var i = 0u; i < params.kernelHeight; i++) {
        let down = iy + params.paddingHeight - i * params.dilationHeight;
        let oy = down / params.strideHeight;
        if (down % params.strideHeight != 0u || oy >= params.outHeight) {
          continue;
        }
        for (var j = 0u; j < params.kernelWidth; j++) {
          let across = ix + params.paddingWidth - j * params.dilationWidth;
          let ox = across / params.strideWidth;
          if (across % params.strideWidth == 0u && ox < params.outWidth) {
            let row = (c * params.kernelHeight + i) * params.kernelWidth + j;
            sum += columns[((row * params.images + b) * params.outHeight + oy) * params.outWidth + ox];
          }
        }
      }
      out[params.firstImage * params.channels * params.height * params.width + at] = sum;
    }
  }
}`,
  fourier_features: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.rows * params.cols) {
      let turns = x[i] - round(x[i]);
      let quarters = round(4.0 * turns);
      let angle = 6.283185307 * (turns - 0.25 * quarters);
      let square = angle * angle;
      let s = angle * (1.0 + square * (-1.6666666667e-1 + square * (8.3333333333e-3 +
        square * (-1.9841269841e-4 + square * 2.7557319224e-6))));
      let c = 1.0 + square * (-0.5 + square * (4.1666666667e-2 + square * (-1.3888888889e-3 +
        square * 2.4801587302e-5)));
      let isOdd = (i32(quarters) & 1) != 0;
      let isHalf = (i32(quarters) & 2) != 0;
      let sine = select(s, c, isOdd);
      let cosine = select(c, -s, isOdd);
      let at = i / params.cols * 2u * params.cols + i % params.cols;
      out[at] = select(sine, -sine, isHalf);
      out[at + params.cols] = select(cosine, -cosine, isHalf);
    }
  }
}`,
  fourier_features_backward: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.rows * params.cols) {
      let sine = i / params.cols * 2u * params.cols + i % params.cols;
      let cosine = sine + params.cols;
      dx[i] = 6.283185307 * (dy[sine] * y[cosine] - dy[cosine] * y[sine]);
    }
  }
}`,
  gather_columns: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let at = first + j * 256u;
    if (at < params.rows * params.count) {
      out[at] = x[at / params.count * params.cols + indices[at]];
    }
  }
}`,
  gather_columns_backward: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var quarter = 0u; quarter < 4u; quarter++) { // unroll
    let at = first + quarter * 256u;
    if (at < params.rows * params.cols) {
      let begin = at / params.cols * params.count;
      var sum = 0.0;
      for (var j = begin; j < begin + params.count; j++) {
        if (indices[j] == at % params.cols) {
          sum += dy[j];
        }
      }
      dx[at] = sum;
    }
  }
}`,
  index_add: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let at = first + j * 256u;
    if (at < params.numRows * params.width) {
      let v = at / params.width;
      let d = at % params.width;
      var sum = out[at];
      for (var i = starts[v]; i < starts[v + 1u]; i++) {
        sum += x[sources[i] * params.width + d];
      }
      out[at] = sum;
    }
  }
}`,
  matmul: `
override aAlongK: bool;
override bAlongK: bool;
var<workgroup> aPanel: array<vec4f, 272>;
var<workgroup> bPanel: array<vec4f, 272>;
@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tilesAcross = (params.n + 63u) / 64u;
  let perMatrix = tilesAcross * ((params.rowEnd - params.rowBegin + 63u) / 64u);
  let batch = (group.y * groups.x + group.x) / perMatrix;
  let tile = (group.y * groups.x + group.x) % perMatrix;
  let aFrom = params.aFrom + batch * params.m * params.k;
  let bFrom = params.bFrom + batch * params.k * params.n;
  let outFrom = params.outFrom + batch * params.m * params.n;
  let rowFirst = params.rowBegin + tile / tilesAcross * 64u;
  let colFirst = tile % tilesAcross * 64u;
  if (batch >= params.batch) {
    return;
  }
  let rowLane = lane / 16u;
  let colLane = lane % 16u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var depth = 0u; depth < params.k; depth += 16u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      let e = j * 256u + lane;
      let aLine = select(e % 64u, e / 16u, aAlongK);
      let aDeep = select(e / 64u, e % 16u, aAlongK);
      let row = rowFirst + aLine;
      let aK = depth + aDeep;
      var aValue = 0.0;
      if (row < params.rowEnd && aK < params.k) {
        aValue = a[aFrom + select(aK * params.m + row, row * params.k + aK, aAlongK)];
      }
      aPanel[aDeep * 17u + aLine / 4u][aLine % 4u] = aValue;
      let bLine = select(e % 64u, e / 16u, bAlongK);
      let bDeep = select(e / 64u, e % 16u, bAlongK);
      let col = colFirst + bLine;
      let bK = depth + bDeep;
      var bValue = 0.0;
      if (col < params.n && bK < params.k) {
        bValue = b[bFrom + select(bK * params.n + col, col * params.k + bK, bAlongK)];
      }
      bPanel[bDeep * 17u + bLine / 4u][bLine % 4u] = bValue;
    }
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) { // unroll
      let x = aPanel[j * 17u + rowLane];
      let y = bPanel[j * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
    }
    workgroupBarrier();
  }
  let sums = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  var biases = vec4f();
  if (params.biasLength != 0u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      biases[j] = bias[min(colFirst + colLane * 4u + j, params.n - 1u)];
    }
  }
  for (var i = 0u; i < 4u; i++) { // unroll
    let row = rowFirst + rowLane * 4u + i;
    for (var j = 0u; j < 4u; j++) { // unroll
      let col = colFirst + colLane * 4u + j;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[i][j] + biases[j];
        if (params.accumulate != 0u) {
          value += out[outFrom + row * params.n + col];
        }
        out[outFrom + row * params.n + col] = value;
      }
    }
  }
}`,
  matmul_direct: `
override aAlongK: bool;
override bAlongK: bool;
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocksAcross = (params.n + 3u) / 4u;
  let perMatrix = blocksAcross * ((params.rowEnd - params.rowBegin + 7u) / 8u);
  let batch = ((group.y * groups.x + group.x) * 64u + lane) / perMatrix;
  let block = ((group.y * groups.x + group.x) * 64u + lane) % perMatrix;
  let outFrom = params.outFrom + batch * params.m * params.n;
  let rowFirst = params.rowBegin + block / blocksAcross * 8u;
  let colFirst = block % blocksAcross * 4u;
  if (batch >= params.batch) {
    return;
  }
  let aStep = select(params.m, 1u, aAlongK);
  let bStep = select(params.n, 1u, bAlongK);
  let aRow = select(1u, params.k, aAlongK);
  let bCol = select(1u, params.k, bAlongK);
  var aAt = array<u32, 8>();
  var bAt = array<u32, 4>();
  var sums = array<vec4f, 8>();
  for (var i = 0u; i < 8u; i++) { // unroll
    aAt[i] = params.aFrom + batch * params.m * params.k + min(rowFirst + i, params.rowEnd - 1u) * aRow;
  }
  for (var j = 0u; j < 4u; j++) { // unroll
    bAt[j] = params.bFrom + batch * params.k * params.n + min(colFirst + j, params.n - 1u) * bCol;
  }
  for (var k = 0u; k < params.k; k++) {
    let y = vec4f(b[bAt[0]], b[bAt[1]], b[bAt[2]], b[bAt[3]]);
    for (var i = 0u; i < 8u; i++) { // unroll
      sums[i] = fma(vec4f(a[aAt[i]]), y, sums[i]);
      aAt[i] += aStep;
    }
    for (var j = 0u; j < 4u; j++) { // unroll
      bAt[j] += bStep;
    }
  }
  var biases = vec4f();
  if (params.biasLength != 0u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      biases[j] = bias[min(colFirst + j, params.n - 1u)];
    }
  }
  for (var i = 0u; i < 8u; i++) { // unroll
    let row = rowFirst + i;
    for (var j = 0u; j < 4u; j++) { // unroll
      let col = colFirst + j;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[i][j] + biases[j];
        if (params.accumulate != 0u) {
          value += out[outFrom + row * params.n + col];
        }
        out[outFrom + row * params.n + col] = value;
      }
    }
  }
}`,
  merge_runs: `
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
}`,
  norm: `
// include: lane_sums
override lanes: u32;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let count = select(0u, params.cols, row < params.rows);
  let rowLane = lane % lanes;
  var sum = 0.0;
  for (var c = rowLane; c < count; c += lanes) {
    sum += x[begin + c];
  }
  let mean = select(0.0, rowSum(lane, sum) / f32(params.cols), params.centred != 0u);
  sum = 0.0;
  for (var c = rowLane; c < count; c += lanes) {
    let h = x[begin + c] - mean;
    sum += h * h;
  }
  let rstd = 1.0 / sqrt(rowSum(lane, sum) / f32(params.cols) + params.eps);
  for (var c = rowLane; c < count; c += lanes) {
    var y = (x[begin + c] - mean) * rstd * (params.offset + weight[c]);
    if (params.biasLength != 0u) {
      y += bias[c];
    }
    out[begin + c] = y;
  }
  if (rowLane == 0u && row < params.rows) {
    moments[2u * row] = mean;
    moments[2u * row + 1u] = rstd;
  }
}`,
  norm_backward: `
// include: lane_sums
override lanes: u32;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let count = select(0u, params.cols, row < params.rows);
  let rowLane = lane % lanes;
  let inside = min(row, params.rows - 1u);
  let mean = moments[2u * inside];
  let rstd = moments[2u * inside + 1u];
  var sum = 0.0;
  var along = 0.0;
  for (var c = rowLane; c < count; c += lanes) {
    let g = dy[begin + c] * (params.offset + weight[c]);
    sum += g;
    along += g * ((x[begin + c] - mean) * rstd);
  }
  let shift = select(0.0, rowSum(lane, sum) / f32(params.cols), params.centred != 0u);
  along = rowSum(lane, along) / f32(params.cols);
  for (var c = rowLane; c < count; c += lanes) {
    let h = (x[begin + c] - mean) * rstd;
    dx[begin + c] = rstd * (dy[begin + c] * (params.offset + weight[c]) - shift - h * along);
  }
}`,
  norm_weight_backward: `
// include: block_tile
// include: strided_sums
var<workgroup> laneSums: array<vec4f, 256>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  if (tile >= tilesDown(params.rows) * tilesAcross(params.cols)) {
    return;
  }
  let place = placeInTile(tile, lane);
  var sums = vec4f();
  for (var i = 0u; i < 8u; i++) { // unroll
    let row = place.row + i * 4u;
    for (var j = 0u; j < 4u; j++) { // unroll
      let col = place.col + j * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[j] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
    }
  }
  laneSums[lane] = sums;
  workgroupBarrier();
  let col = place.colTile * 256u + lane;
  let c = lane % 64u;
  let j = lane / 64u;
  if (col < params.cols) {
    scratch[place.rowTile * params.cols + col] =
      (laneSums[c][j] + laneSums[c + 64u][j]) + (laneSums[c + 128u][j] + laneSums[c + 192u][j]);
  }
}
@compute @workgroup_size(256)
fn finish(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let col = (group.y * groups.x + group.x) * 8u + lane % 8u;
  let count = select(0u, tilesDown(params.rows), col < params.cols);
  let sum = stridedSum(lane, col, params.cols, count);
  if (lane < 8u && col < params.cols) {
    dweight[col] = sum;
  }
}`,
  normalize_sums: `
// include: lane_sums
override lanes: u32;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let count = select(0u, params.cols, row < params.rows);
  let first = lane % lanes;
  var sum = 0.0;
  for (var c = first; c < count; c += lanes) {
    sum += x[begin + c];
  }
  sum = rowSum(lane, sum) + params.eps;
  for (var c = first; c < count; c += lanes) {
    out[begin + c] = x[begin + c] / sum;
  }
}`,
  normalize_sums_backward: `
// include: lane_sums
override lanes: u32;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let count = select(0u, params.cols, row < params.rows);
  let first = lane % lanes;
  var sum = 0.0;
  var along = 0.0;
  for (var c = first; c < count; c += lanes) {
    sum += x[begin + c];
    along += x[begin + c] * dy[begin + c];
  }
  sum = rowSum(lane, sum) + params.eps;
  along = rowSum(lane, along) / sum;
  for (var c = first; c < count; c += lanes) {
    dx[begin + c] = (dy[begin + c] - along) / sum;
  }
}`,
  permute: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.dim0 * params.dim1 * params.dim2 * params.dim3) {
      let i3 = i % params.dim3;
      let i2 = i / params.dim3 % params.dim2;
      let i1 = i / params.dim3 / params.dim2 % params.dim1;
      let i0 = i / params.dim3 / params.dim2 / params.dim1;
      out[i] = x[i0 * params.stride0 + i1 * params.stride1 + i2 * params.stride2 + i3 * params.stride3];
    }
  }
}`,
  pointwise: `
// include: FORMULA
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < count()) {
      setAt(i);
    }
  }
}`,
  rotary: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let half = params.rotaryDim / 2u;
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.rows * params.dim) {
      let row = i / params.dim;
      let feature = i % params.dim - params.rotaryBegin;
      if (feature >= params.rotaryDim) {
        out[i] = x[i];
      } else {
        let interleaved = params.interleaved != 0u;
        let pair = select(feature % half, feature / 2u, interleaved);
        let isFirst = select(feature < half, feature % 2u == 0u, interleaved);
        let distance = select(half, 1u, interleaved);
        let partner = select(i - distance, i + distance, isFirst);
        let angle = row / params.heads % params.positions * half + pair;
        let turn = params.sign * sin[angle];
        out[i] = x[i] * cos[angle] + select(turn, -turn, isFirst) * x[partner];
      }
    }
  }
}`,
  row_extremes: `
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
  let cols = select(0u, params.cols, row < params.rows);
  let rowLane = lane % lanes;
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
fn wanted(value: f32) -> u32 {
  let order = orderOf(value);
  return select(order, 0xffffffffu - order, params.smallest != 0u && order != 0xffffffffu);
}`,
  row_sums: `
override lanes: u32;
var<workgroup> laneSums: array<f32, 256>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let end = select(begin, begin + params.cols, row < params.rows);
  let rowLane = lane % lanes;
  var sums = vec4f();
  var i = begin + rowLane;
  for (; i + 3u * lanes < end; i += 4u * lanes) {
    sums += vec4f(x[i], x[i + lanes], x[i + 2u * lanes], x[i + 3u * lanes]);
  }
  for (; i < end; i += lanes) {
    sums.x += x[i];
  }
  laneSums[lane] = (sums.x + sums.y) + (sums.z + sums.w);
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowLane < half) {
      laneSums[lane] += laneSums[lane + half];
    }
  }
  if (rowLane == 0u && row < params.rows) {
    let before = select(0.0, out[row], params.accumulate != 0u);
    out[row] = before + laneSums[lane];
  }
}`,
  running_sums: `
var<workgroup> partSums: array<f32, 256>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  let cols = select(0u, params.cols, row < params.rows);
  let part = (cols + 255u) / 256u;
  let begin = min(lane * part, cols);
  let end = min(begin + part, cols);
  var sum = 0.0;
  for (var c = begin; c < end; c++) {
    sum += x[placeOf(row, c)];
  }
  partSums[lane] = sum;
  workgroupBarrier();
  var before = 0.0;
  for (var other = 0u; other < lane; other++) {
    before += partSums[other];
  }
  sum = 0.0;
  for (var c = begin; c < end; c++) {
    let place = placeOf(row, c);
    sum += x[place];
    out[place] = before + sum;
  }
}
fn placeOf(row: u32, c: u32) -> u32 {
  return row * params.cols + select(c, params.cols - 1u - c, params.backwards != 0u);
}`,
  softmax: `
// include: exp_or_nan
// include: lane_maxima
// include: lane_sums
override lanes: u32;
const LOWEST = -0x1.fffffep+127f;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let count = select(0u, params.cols, row < params.rows);
  let first = lane % lanes;
  var largest = LOWEST;
  for (var c = first; c < count; c += lanes) {
    largest = max(largest, x[begin + c]);
  }
  largest = rowLargest(lane, largest);
  var sum = 0.0;
  for (var c = first; c < count; c += lanes) {
    let value = x[begin + c];
    let power = select(expOrNan(value - largest), 0.0, value < LOWEST);
    out[begin + c] = power;
    sum += power;
  }
  sum = rowSum(lane, sum);
  for (var c = first; c < count; c += lanes) {
    out[begin + c] = out[begin + c] / sum;
  }
}`,
  softmax_backward: `
// include: lane_sums
override lanes: u32;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let count = select(0u, params.cols, row < params.rows);
  let first = lane % lanes;
  var along = 0.0;
  for (var c = first; c < count; c += lanes) {
    along += y[begin + c] * dy[begin + c];
  }
  along = rowSum(lane, along);
  for (var c = first; c < count; c += lanes) {
    dx[begin + c] = y[begin + c] * (dy[begin + c] - along);
  }
}`,
  softmax_cross_entropy: `
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
}`,
  split_cross_entropy: `
// include: exp_or_nan
override lanes: u32;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let rowLane = lane % lanes;
  if (row >= params.rows) {
    return;
  }
  var largest = -0x1.fffffep+127f;
  for (var rank = 0u; rank < params.ranks; rank++) {
    largest = max(largest, statistics[3u * (rank * params.rows + row)]);
  }
  var sum = 0.0;
  var targetLogit = 0.0;
  for (var rank = 0u; rank < params.ranks; rank++) {
    let at = 3u * (rank * params.rows + row);
    sum += statistics[at + 1u] * expOrNan(statistics[at] - largest);
    targetLogit += statistics[at + 2u];
  }
  let counts = targets[row] != params.ignored;
  if (rowLane == 0u) {
    losses[row] = select(0.0, log(sum) + (largest - targetLogit), counts);
  }
  let ownLargest = statistics[3u * (params.rank * params.rows + row)];
  let factor = expOrNan(ownLargest - largest) / sum;
  let column = targets[row] - params.firstClass;
  for (var c = rowLane; c < params.cols; c += lanes) {
    let i = row * params.cols + c;
    let gradient = params.gradScale * (dlogits[i] * factor - select(0.0, 1.0, c == column));
    dlogits[i] = select(0.0, gradient, counts && c < params.numClasses);
  }
}`,
  split_softmax: `
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
    let column = targets[row] - params.firstClass;
    statistics[3u * row] = largest;
    statistics[3u * row + 1u] = laneValues[lane];
    var targetLogit = 0.0;
    if (column < params.numClasses) {
      targetLogit = logits[begin + column];
    }
    statistics[3u * row + 2u] = targetLogit;
  }
}`,
  top_k: `
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
}`,
  unfold: `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let places = params.images * params.outHeight * params.outWidth;
  let length = params.channels * params.kernelHeight * params.kernelWidth * places;
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var k = 0u; k < 4u; k++) { // unroll
    let at = first + k * 256u;
    if (at < length) {
      let row = at / places;
      let place = at % places;
      let c = row / params.kernelWidth / params.kernelHeight;
      let i = row / params.kernelWidth % params.kernelHeight;
      let j = row % params.kernelWidth;
      let b = place / params.outWidth / params.outHeight;
      let oy = place / params.outWidth % params.outHeight;
      let ox = place % params.outWidth;
      let iy = oy * params.strideHeight + i * params.dilationHeight - params.paddingHeight;
      let ix = ox * params.strideWidth + j * params.dilationWidth - params.paddingWidth;
      var value = 0.0;
      if (iy < params.height && ix < params.width) {
        let plane = (params.firstImage + b) * params.channels + c;
        value = x[(plane * params.height + iy) * params.width + ix];
      }
      columns[at] = value;
    }
  }
}`,
};

/** Parts of shaders: the text of wgsl/fragments/NAME.wgsl by NAME. */
export const wgslFragments: Readonly<Record<string, string>> = {
  aligned_counts: `
// include: aligned_quads
const BAND_ROWS = 4u;
fn measureOf(renewed: Renewed) -> vec4f {
  let isAligned = haveOneSign(quadOfWords(momentumType, renewed.words), renewed.take * renewed.u);
  return select(vec4f(), vec4f(1.0), isAligned);
}
fn withMeasure(sums: vec4f, measure: vec4f) -> vec4f {
  return sums + measure;
}
fn leaveMeasure(tile: Tile, place: Lane, i: u32, measure: vec4f) {
}
fn endBand(tile: Tile, place: Lane, lane: u32, band: u32) {
}
fn endColumns(tile: Tile, place: Lane, lane: u32, columns: vec4f) {
}`,
  aligned_quads: `
fn haveOneSign(a: vec4f, b: vec4f) -> vec4<bool> {
  return ((a > vec4f()) & (b > vec4f())) | ((a < vec4f()) & (b < vec4f()));
}`,
  attention_mask: `
fn keyMaskAt(index: u32) -> u32 {
  return keyMask[index];
}
fn biasAt(index: u32) -> f32 {
  return bias[index];
}`,
  attention_packed_mask: `
fn keyMaskAt(index: u32) -> u32 {
  return scratch[index];
}
fn biasAt(index: u32) -> f32 {
  return bitcast<f32>(scratch[params.masked * params.batch * params.keys + index]);
}`,
  attention_pairs: `
// include: exp_or_nan
// include: attention_tile
fn stageDout(lane: u32, panel: u32, place: Head, first: u32, depth: u32) {
  let row = lane / 8u;
  let d = depth + lane % 8u * 4u;
  var values = vec4f();
  if (first + row < params.queries) {
    let begin = queryRow(place, first + row) * params.valueDim + d;
    for (var i = 0u; i < 4u; i++) { // unroll
      if (d + i < params.valueDim) {
        values[i] = dout[begin + i];
      }
    }
  }
  panels[panel + row * 9u + lane % 8u] = values;
}
struct Pairs {
  p: vec4f,
  ds: vec4f,
}
fn pairsOf(lane: u32, place: Head, queryFirst: u32, keyFirst: u32) -> Pairs {
  let dots = scoreDots(lane, place, queryFirst, keyFirst);
  var dp = vec4f();
  for (var depth = 0u; depth < params.valueDim; depth += 32u) {
    stageDout(lane, 0u, place, queryFirst, depth);
    stageV(lane, PANEL_1, place, keyFirst, depth);
    workgroupBarrier();
    dp += panelDots(lane);
    workgroupBarrier();
  }
  var shares = vec4f(1.0);
  if (params.threshold != 0u) {
    for (var j = 0u; j < 4u; j++) {
      let query = queryFirst + lane / 16u + j / 2u * 16u;
      shares[j] = keptShare(place, query, keyFirst + lane % 16u + j % 2u * 16u);
    }
  }
  var pairs = Pairs();
  for (var j = 0u; j < 4u; j++) { // unroll
    let query = queryFirst + lane / 16u + j / 2u * 16u;
    let key = keyFirst + lane % 16u + j % 2u * 16u;
    if (sees(place, query, key)) {
      let at = (place.batch * params.heads + place.head) * 2u * params.queries + query;
      let score = scoreOf(place, query, key, dots[j]);
      let weight = expOrNan(score - moments[at]);
      pairs.p[j] = weight * shares[j];
      pairs.ds[j] = weight * (shares[j] * dp[j] - moments[at + params.queries]) * capSlope(score);
    }
  }
  return pairs;
}`,
  attention_tile: `
// include: mix
// include: tanh_accurate
// include: MASK
const PANEL_1 = 288u;
var<workgroup> panels: array<vec4f, 576>;
var<workgroup> tile: array<f32, 1056>;
struct Head {
  batch: u32,
  head: u32,
  keyHead: u32,
}
fn headAt(batch: u32, head: u32) -> Head {
  return Head(batch, head, head / (params.heads / params.keyHeads));
}
fn queryRow(place: Head, query: u32) -> u32 {
  return (place.batch * params.queries + query) * params.heads + place.head;
}
fn keyRow(place: Head, key: u32) -> u32 {
  return (place.batch * params.keys + key) * params.keyHeads + place.keyHead;
}
fn stageQ(lane: u32, panel: u32, place: Head, first: u32, depth: u32) {
  let row = lane / 8u;
  let d = depth + lane % 8u * 4u;
  var values = vec4f();
  if (first + row < params.queries) {
    let begin = queryRow(place, first + row) * params.dim + d;
    for (var i = 0u; i < 4u; i++) { // unroll
      if (d + i < params.dim) {
        values[i] = q[begin + i];
      }
    }
  }
  panels[panel + row * 9u + lane % 8u] = values;
}
fn stageK(lane: u32, panel: u32, place: Head, first: u32, depth: u32) {
  let row = lane / 8u;
  let d = depth + lane % 8u * 4u;
  var values = vec4f();
  if (first + row < params.keys) {
    let begin = keyRow(place, first + row) * params.dim + d;
    for (var i = 0u; i < 4u; i++) { // unroll
      if (d + i < params.dim) {
        values[i] = k[begin + i];
      }
    }
  }
  panels[panel + row * 9u + lane % 8u] = values;
}
fn stageV(lane: u32, panel: u32, place: Head, first: u32, depth: u32) {
  let row = lane / 8u;
  let d = depth + lane % 8u * 4u;
  var values = vec4f();
  if (first + row < params.keys) {
    let begin = keyRow(place, first + row) * params.valueDim + d;
    for (var i = 0u; i < 4u; i++) { // unroll
      if (d + i < params.valueDim) {
        values[i] = v[begin + i];
      }
    }
  }
  panels[panel + row * 9u + lane % 8u] = values;
}
fn panelDots(lane: u32) -> vec4f {
  let r = lane / 16u * 9u;
  let c = PANEL_1 + lane % 16u * 9u;
  var dots = vec4f();
  for (var j = 0u; j < 8u; j++) { // unroll
    let r0 = panels[r + j];
    let r1 = panels[r + 144u + j];
    let c0 = panels[c + j];
    let c1 = panels[c + 144u + j];
    dots += vec4f(dot(r0, c0), dot(r0, c1), dot(r1, c0), dot(r1, c1));
  }
  return dots;
}
fn weighted(lane: u32) -> vec4f {
  let r = lane / 8u * 33u;
  let c = PANEL_1 + lane % 8u;
  var sum = vec4f();
  for (var j = 0u; j < 32u; j++) { // unroll
    sum = fma(vec4f(tile[r + j]), panels[c + j * 9u], sum);
  }
  return sum;
}
fn scoreDots(lane: u32, place: Head, queryFirst: u32, keyFirst: u32) -> vec4f {
  var dots = vec4f();
  for (var depth = 0u; depth < params.dim; depth += 32u) {
    stageQ(lane, 0u, place, queryFirst, depth);
    stageK(lane, PANEL_1, place, keyFirst, depth);
    workgroupBarrier();
    dots += panelDots(lane);
    workgroupBarrier();
  }
  return dots;
}
fn sees(place: Head, query: u32, key: u32) -> bool {
  return query < params.queries && key < params.keys &&
    (params.causal == 0u || key <= query) &&
    (params.window == 0u || max(query, key) - min(query, key) < params.window) &&
    (params.masked == 0u || keyMaskAt(place.batch * params.keys + key) != 0u);
}
fn scoreOf(place: Head, query: u32, key: u32, dots: f32) -> f32 {
  var score = params.scale * dots;
  if (params.biased != 0u) {
    let distances = params.queries + params.keys - 1u;
    score += biasAt(place.head * distances + key + params.queries - 1u - query);
  }
  if (params.softCap != 0.0) {
    score = params.softCap * tanhAccurate(score / params.softCap);
  }
  return score;
}
fn capSlope(score: f32) -> f32 {
  if (params.softCap == 0.0) {
    return 1.0;
  }
  let part = score / params.softCap;
  return 1.0 - part * part;
}
fn keptShare(place: Head, query: u32, key: u32) -> f32 {
  let head = params.firstHead + place.batch * params.allHeads + place.head;
  let rowKey = mix(mix((head * params.queries + query) ^ params.seedLow) ^ params.seedHigh);
  return select(0.0, params.keptScale, mix(key ^ rowKey) >= params.threshold);
}
fn firstKey(queryFirst: u32) -> u32 {
  if (params.window == 0u || queryFirst < params.window) {
    return 0u;
  }
  return (queryFirst + 1u - params.window) / 32u * 32u;
}
fn endOfKeys(queryFirst: u32) -> u32 {
  if (params.causal != 0u) {
    return min(params.keys, queryFirst + 32u);
  }
  if (params.window != 0u && params.window < params.keys) {
    return min(params.keys, queryFirst + 31u + params.window);
  }
  return params.keys;
}`,
  block: `
fn tilesOfPart(block: u32) -> vec2u {
  let tile = vec2u(blocks[block].tileRows, blocks[block].tileCols);
  let parts = vec2u(blocks[block].partsDown, blocks[block].partsAcross);
  return (vec2u(blocks[block].rows, blocks[block].cols) / parts + tile - 1u) / tile;
}`,
  block_tile: `
struct Place {
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}
fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}
fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}
fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let rowTile = tile / across;
  let colTile = tile % across;
  return Place(rowTile * 32u + lane / 64u, colTile * 256u + lane % 64u, rowTile, colTile);
}`,
  confidence_squares: `
// include: tile_vectors
const BAND_ROWS = 8u;
fn measureOf(renewed: Renewed) -> vec4f {
  return renewed.u / renewed.d - renewed.m;
}
fn withMeasure(sums: vec4f, measure: vec4f) -> vec4f {
  return fma(measure, measure, sums);
}
fn leaveMeasure(tile: Tile, place: Lane, i: u32, measure: vec4f) {
  leaveRow(tile, place, i, measure);
}
fn endBand(tile: Tile, place: Lane, lane: u32, band: u32) {
  workgroupBarrier();
  joinRows(tile, place, lane, band);
}
fn endColumns(tile: Tile, place: Lane, lane: u32, columns: vec4f) {
  joinColumns(tile, place, lane, columns);
}`,
  exp_accurate: `
fn expAccurate(exponent: f32) -> f32 {
  let x = clamp(exponent, -104.0, 89.0);
  let n = round(x * 1.44269504);
  let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, x));
  var p = 1.3888889e-3;
  p = fma(p, r, 8.3333333e-3);
  p = fma(p, r, 4.1666667e-2);
  p = fma(p, r, 0.16666667);
  p = fma(p, r, 0.5);
  p = fma(p, r, 1.0);
  p = fma(p, r, 1.0);
  let half = i32(n) / 2;
  return p * powerOfTwo(half) * powerOfTwo(i32(n) - half);
}
fn powerOfTwo(n: i32) -> f32 {
  return bitcast<f32>((n + 127) << 23u);
}`,
  exp_or_nan: `
// include: exp_accurate
fn expOrNan(x: f32) -> f32 {
  let isNan = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(expAccurate(x), x, isNan);
}`,
  lane_maxima: `
var<workgroup> laneMaxima: array<f32, 256>;
fn rowLargest(lane: u32, value: f32) -> f32 {
  laneMaxima[lane] = value;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % lanes < half) {
      laneMaxima[lane] = max(laneMaxima[lane], laneMaxima[lane + half]);
    }
  }
  workgroupBarrier();
  let largest = laneMaxima[lane - lane % lanes];
  workgroupBarrier();
  return largest;
}`,
  lane_sums: `
var<workgroup> laneSums: array<f32, 256>;
fn rowSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % lanes < half) {
      laneSums[lane] += laneSums[lane + half];
    }
  }
  workgroupBarrier();
  let sum = laneSums[lane - lane % lanes];
  workgroupBarrier();
  return sum;
}`,
  mix: `
fn mix(value: u32) -> u32 {
  var x = value;
  x = (x ^ (x >> 16u)) * 0x7feb352du;
  x = (x ^ (x >> 15u)) * 0x846ca68bu;
  return x ^ (x >> 16u);
}`,
  normal_cdf: `
// include: exp_accurate
fn erfcOfPositive(z: f32) -> f32 {
  let t = 1.0 / fma(0.5, z, 1.0);
  var p = 0.17087277;
  p = fma(p, t, -0.82215223);
  p = fma(p, t, 1.48851587);
  p = fma(p, t, -1.13520398);
  p = fma(p, t, 0.27886807);
  p = fma(p, t, -0.18628806);
  p = fma(p, t, 0.09678418);
  p = fma(p, t, 0.37409196);
  p = fma(p, t, 1.00002368);
  p = fma(p, t, -1.26551223);
  return t * expAccurate(p - z * z);
}
fn normalCdf(x: f32) -> f32 {
  let tail = 0.5 * erfcOfPositive(abs(x) * 0.70710678);
  return select(tail, 1.0 - tail, x > 0.0);
}`,
  order_of: `
fn orderOf(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return 0xffffffffu;
  }
  return select(0x80000000u + magnitude, 0x80000000u - magnitude, bits != magnitude);
}`,
  part_trees: `
// include: block
struct Parts {
  first: u32,
  partsBatch: u32,
  partsDown: u32,
  partsAcross: u32,
  matrices: u32,
  down: u32,
  across: u32,
  rowStride: u32,
  matrixStride: u32,
}
var<workgroup> lanesOfParts: array<f32, 2304>;
var<workgroup> treeSums: array<f32, 640>;
const ROWS = 512u;
const BATCHES = 576u;
fn sumParts(parts: Parts, lane: u32) {
  let count = parts.partsBatch * parts.partsDown * parts.partsAcross;
  let tiles = parts.matrices * parts.down * parts.across;
  for (var begin = 0u; begin < count; begin += 64u) {
    workgroupBarrier();
    for (var part = begin + lane / 32u; part < min(begin + 64u, count); part += 8u) {
      let j = part % parts.partsAcross * parts.across;
      let i = part / parts.partsAcross % parts.partsDown * parts.down;
      let b = part / parts.partsAcross / parts.partsDown * parts.matrices;
      let first = parts.first + b * parts.matrixStride + i * parts.rowStride + j;
      var sum = 0.0;
      for (var tile = lane % 32u; tile < tiles; tile += 32u) {
        let matrix = tile / parts.across / parts.down;
        sum += partials[first + matrix * parts.matrixStride +
          tile / parts.across % parts.down * parts.rowStride + tile % parts.across];
      }
      lanesOfParts[(part - begin) * 36u + lane % 32u] = sum;
    }
    workgroupBarrier();
    let first = lane / 4u * 36u + lane % 4u;
    if (begin + lane / 4u < count) {
      var sum = lanesOfParts[first];
      for (var k = 0u; k < 7u; k++) { // unroll
        sum += lanesOfParts[first + 4u * (k + 1u)];
      }
      lanesOfParts[first] = sum;
    }
    workgroupBarrier();
    if (lane < 64u && begin + lane < count) {
      let four = lane * 36u;
      treeSums[begin + lane] = (lanesOfParts[four] + lanesOfParts[four + 1u]) +
        (lanesOfParts[four + 2u] + lanesOfParts[four + 3u]);
    }
  }
  workgroupBarrier();
  if (lane < parts.partsBatch * parts.partsDown) {
    treeSums[ROWS + lane] = treeOf(lane * parts.partsAcross, 1u, parts.partsAcross);
  }
  workgroupBarrier();
}
fn treeOf(first: u32, step: u32, count: u32) -> f32 {
  var leaves: array<f32, 8>;
  for (var k = 0u; k < 8u; k++) { // unroll
    if (k < count) {
      leaves[k] = treeSums[first + k * step];
    }
  }
  return ((leaves[0] + leaves[1]) + (leaves[2] + leaves[3])) +
    ((leaves[4] + leaves[5]) + (leaves[6] + leaves[7]));
}`,
  pointwise_functions: `
// include: exp_or_nan
// include: normal_cdf
// include: tanh_accurate
fn isNotANumber(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
fn whereEqual(a: f32, b: f32, then: f32, otherwise: f32) -> f32 {
  return select(otherwise, then, a == b);
}
fn whereGreater(a: f32, b: f32, then: f32, otherwise: f32) -> f32 {
  return select(otherwise, then, a > b);
}
fn whereAtLeast(a: f32, b: f32, then: f32, otherwise: f32) -> f32 {
  return select(otherwise, then, a >= b);
}
fn larger(a: f32, b: f32) -> f32 {
  return select(select(a, b, b > a), b, isNotANumber(b));
}
fn smaller(a: f32, b: f32) -> f32 {
  return select(select(a, b, b < a), b, isNotANumber(b));
}
fn exponential(x: f32) -> f32 {
  return expOrNan(x);
}
fn logistic(z: f32) -> f32 {
  return 1.0 / (1.0 + expOrNan(-z));
}
fn gaussian(x: f32) -> f32 {
  return expOrNan(x * x * -0.5);
}
fn logarithm(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (bits == 0x7f800000u || isNotANumber(x)) {
    return x;
  }
  if (x <= 0.0) {
    return bitcast<f32>(select(0x7fc00000u, 0xff800000u, x == 0.0));
  }
  let isSmall = bits < 0x00800000u;
  let scaled = select(bits, bitcast<u32>(x * 33554432.0), isSmall) + (0x3f800000u - 0x3f3504f3u);
  let k = f32(i32(scaled >> 23u) - 127) - select(0.0, 25.0, isSmall);
  let f = bitcast<f32>((scaled & 0x7fffffu) + 0x3f3504f3u) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let w = z * z;
  let r = z * (0.6666666 + w * 0.28498787) + w * (0.40000972 + w * 0.24279079);
  let half = 0.5 * f * f;
  return s * (half + r) + k * 9.0580006e-6 - half + f + k * 0.6931381;
}
fn logOnePlus(u: f32) -> f32 {
  let whole = 1.0 + u;
  return logarithm(whole) + (u - (whole - 1.0)) / whole;
}
fn power(a: f32, b: f32) -> f32 {
  let p = exponential(b * logarithm(abs(a)));
  let isOdd = floor(b * 0.5) * 2.0 != b;
  let signed = select(p, -p, isOdd);
  let ofNegative = select(bitcast<f32>(0x7fc00000u | (bitcast<u32>(a) & 1u)), signed, floor(b) == b);
  let general = select(p, ofNegative, a < 0.0);
  return select(select(select(general, a * a, b == 2.0), a, b == 1.0), 1.0, b == 0.0 || a == 1.0);
}`,
  pointwise_places: `
override rank: u32;
fn placeOf(i: u32, dims: u32) -> u32 {
  if (dims == 63u) {
    return i;
  }
  if (rank <= 1u) {
    return select(0u, i, (dims & 32u) != 0u);
  }
  let lengths = array<u32, 6>(
    params.dim5,
    params.dim4,
    params.dim3,
    params.dim2,
    params.dim1,
    params.dim0,
  );
  var rest = i;
  var stride = 1u;
  var place = 0u;
  for (var d = 0u; d < 6u; d++) { // unroll
    if (d < rank) {
      let length = lengths[d];
      if ((dims & (32u >> d)) != 0u) {
        place += rest % length * stride;
        stride *= length;
      }
      rest /= length;
    }
  }
  return place;
}`,
  rounded_params: `
// include: stochastic_quads
override stochastic: bool = false;
struct Rounding {
  place: GlobalPlace,
  key: u32,
}
fn roundingOf(tile: Tile, place: Lane) -> Rounding {
  if (paramType == 0u || !stochastic) {
    return Rounding();
  }
  return Rounding(globalPlaceOf(tile, place), steps[tile.block].key);
}
fn roundedParams(rounding: Rounding, row: u32, quad: vec4f) -> vec4u {
  if (paramType == 0u || !stochastic) {
    return wordsOfQuad(paramType, quad);
  }
  let random = randomBits(globalIndexOf(rounding.place, row), rounding.key);
  return wordsAtRandom(paramType, quad, random);
}`,
  slot_trees: `
fn treeOfSlots(first: u32, batchSlots: u32, rowSlots: u32) -> f32 {
  var leaves: array<f32, 8>;
  for (var k = 0u; k < 8u; k++) { // unroll
    if (k < batchSlots) {
      leaves[k] = treeOfRowSlots(first + k * rowSlots, rowSlots);
    }
  }
  return ((leaves[0] + leaves[1]) + (leaves[2] + leaves[3])) +
    ((leaves[4] + leaves[5]) + (leaves[6] + leaves[7]));
}
fn treeOfRowSlots(first: u32, rowSlots: u32) -> f32 {
  var leaves: array<f32, 8>;
  for (var k = 0u; k < 8u; k++) { // unroll
    if (k < rowSlots) {
      leaves[k] = sums[first + k];
    }
  }
  return ((leaves[0] + leaves[1]) + (leaves[2] + leaves[3])) +
    ((leaves[4] + leaves[5]) + (leaves[6] + leaves[7]));
}`,
  step_by_aligned_momentum: `
// include: tensor_quads for momentum
// include: aligned_quads
fn isPaired() -> bool {
  return gradType != 0u || paramType != 0u || momentumType != 0u;
}
struct Rates {
  take: f32,
  over: f32,
  decay: f32,
}
fn ratesOf(block: u32) -> Rates {
  return Rates(steps[block].take, steps[block].over, steps[block].decay);
}
fn steppedParams(rates: Rates, p: vec4f, u: vec4f, before: Momentum) -> vec4f {
  let m = quadOfWords(momentumType, before.words);
  let over = select(vec4f(), vec4f(-rates.over), haveOneSign(m, rates.take * u));
  return fma(over, m, fma(vec4f(-rates.decay), p, p));
}`,
  step_by_momentum: `
// include: tensor_quads for momentum
// include: tensor_quad_stores for momentum
fn isPaired() -> bool {
  return gradType != 0u || paramType != 0u || momentumType != 0u;
}
struct Rates {
  beta1: f32,
  take: f32,
  over: f32,
  decay: f32,
}
fn ratesOf(block: u32) -> Rates {
  return Rates(blocks[block].beta1, steps[block].take, steps[block].over, steps[block].decay);
}
fn steppedParams(rates: Rates, p: vec4f, u: vec4f, before: Momentum) -> vec4f {
  let m = fma(vec4f(rates.take), u, rates.beta1 * quadOfWords(momentumType, before.words));
  storeMomentum(before.row, before.cols, before.isIn, wordsOfQuad(momentumType, m));
  return fma(vec4f(-rates.over), m, fma(vec4f(-rates.decay), p, p));
}`,
  step_by_update: `
fn isPaired() -> bool {
  return gradType != 0u || paramType != 0u;
}
fn wholeMomentum(row: u32, cols: vec4u) -> vec4u {
  return vec4u();
}
fn loadMomentum(row: u32, cols: vec4u, isIn: vec4<bool>) -> vec4u {
  return vec4u();
}
struct Rates {
  rate: f32,
  decay: f32,
}
fn ratesOf(block: u32) -> Rates {
  return Rates(steps[block].a / steps[block].d, steps[block].decay);
}
fn steppedParams(rates: Rates, p: vec4f, u: vec4f, before: Momentum) -> vec4f {
  return fma(vec4f(-rates.rate), u, fma(vec4f(-rates.decay), p, p));
}`,
  stochastic_quads: `
// include: storage_quads
// include: tile
struct GlobalPlace {
  firstRow: u32,
  rowInner: u32,
  rowInnerGlobal: u32,
  indexCols: u32,
  cols: vec4u,
}
fn globalPlaceOf(tile: Tile, place: Lane) -> GlobalPlace {
  let block = tile.block;
  let batchInner = max(blocks[block].batchInner, 1u);
  let matrix = tile.matrix / batchInner * blocks[block].batchInnerGlobal +
    blocks[block].batchBegin + tile.matrix % batchInner;
  let colInner = vec4u(max(blocks[block].colInner, 1u));
  return GlobalPlace(
    matrix * blocks[block].indexRows + blocks[block].rowBegin,
    max(blocks[block].rowInner, 1u),
    blocks[block].rowInnerGlobal,
    blocks[block].indexCols,
    place.cols / colInner * blocks[block].colInnerGlobal + blocks[block].colBegin +
      place.cols % colInner,
  );
}
fn globalIndexOf(place: GlobalPlace, row: u32) -> vec4u {
  let globalRow = place.firstRow + row / place.rowInner * place.rowInnerGlobal + row % place.rowInner;
  return globalRow * place.indexCols + place.cols;
}
fn randomBits(index: vec4u, key: u32) -> vec4u {
  var x = index ^ vec4u(key);
  x = (x ^ (x >> vec4u(16u))) * 0x7feb352du;
  x = (x ^ (x >> vec4u(15u))) * 0x846ca68bu;
  return x ^ (x >> vec4u(16u));
}
fn wordsAtRandom(storage: u32, quad: vec4f, random: vec4u) -> vec4u {
  let bits = bitcast<vec4u>(quad);
  let magnitude = bits & vec4u(0x7fffffffu);
  let sign = (bits >> vec4u(16u)) & vec4u(0x8000u);
  let low = random & vec4u(0xffffu);
  var rounded: vec4u;
  if (storage == 2u) {
    rounded = min((magnitude + low) >> vec4u(16u), vec4u(0x7f7fu));
  } else {
    let large = (magnitude - 0x38000000u + (random & vec4u(0x1fffu))) >> vec4u(13u);
    let scaled = bitcast<vec4f>(min(magnitude, vec4u(0x38800000u))) * 0x1p24;
    let whole = floor(scaled);
    let isUp = (scaled - whole) * 65536.0 > vec4f(low);
    let small = vec4u(whole) + select(vec4u(0u), vec4u(1u), isUp);
    rounded = min(select(large, small, magnitude < vec4u(0x38800000u)), vec4u(0x7bffu));
  }
  let isFinite = magnitude < vec4u(0x7f800000u);
  return packed(select(nearest(storage, bits), rounded | sign, isFinite));
}`,
  storage_quads: `
fn quadOfWords(storage: u32, words: vec4u) -> vec4f {
  if (storage == 0u) {
    return bitcast<vec4f>(words);
  }
  let halves = vec4u(words.x, words.x >> 16u, words.y, words.y >> 16u) & vec4u(0xffffu);
  if (storage == 2u) {
    return bitcast<vec4f>(halves << vec4u(16u));
  }
  let magnitude = (halves & vec4u(0x7fffu)) << vec4u(13u);
  let exponent = magnitude & vec4u(0x0f800000u);
  let small = bitcast<vec4u>(bitcast<vec4f>(magnitude + 0x38800000u) - vec4f(0x1p-14));
  let large = magnitude +
    select(vec4u(0x38000000u), vec4u(0x70000000u), exponent == vec4u(0x0f800000u));
  let bits = select(large, small, exponent == vec4u(0u));
  return bitcast<vec4f>(bits | ((halves & vec4u(0x8000u)) << vec4u(16u)));
}
fn wordsOfQuad(storage: u32, quad: vec4f) -> vec4u {
  let bits = bitcast<vec4u>(quad);
  if (storage == 0u) {
    return bits;
  }
  return packed(nearest(storage, bits));
}
fn nearest(storage: u32, bits: vec4u) -> vec4u {
  let magnitude = bits & vec4u(0x7fffffffu);
  let isNan = magnitude > vec4u(0x7f800000u);
  if (storage == 2u) {
    let rounded = bits + 0x7fffu + ((bits >> vec4u(16u)) & vec4u(1u));
    return select(rounded, bits | vec4u(0x400000u), isNan) >> vec4u(16u);
  }
  let within = min(magnitude, vec4u(0x47800000u));
  let large = (within - 0x38000000u + 0xfffu + ((within >> vec4u(13u)) & vec4u(1u))) >> vec4u(13u);
  let places = min(vec4u(126u) - min(magnitude >> vec4u(23u), vec4u(125u)), vec4u(25u));
  let whole = (magnitude & vec4u(0x7fffffu)) | vec4u(0x800000u);
  let half = vec4u(1u) << (places - 1u);
  let small = (whole + half - 1u + ((whole >> places) & vec4u(1u))) >> places;
  let quiet = vec4u(0x7e00u) | ((magnitude >> vec4u(13u)) & vec4u(0x3ffu));
  let rounded = select(select(large, small, magnitude < vec4u(0x38800000u)), quiet, isNan);
  return rounded | ((bits >> vec4u(16u)) & vec4u(0x8000u));
}
fn packed(halves: vec4u) -> vec4u {
  return vec4u(halves.x | (halves.y << 16u), halves.z | (halves.w << 16u), 0u, 0u);
}`,
  storage_types: `
fn widen(storage: u32, half: u32) -> u32 {
  if (storage == 2u) {
    return half << 16u;
  }
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 31u;
  let fraction = half & 0x3ffu;
  if (exponent == 31u) {
    return sign | 0x7f800000u | (fraction << 13u);
  }
  if (exponent > 0u) {
    return sign | ((exponent + 112u) << 23u) | (fraction << 13u);
  }
  if (fraction == 0u) {
    return sign;
  }
  let leading = firstLeadingBit(fraction);
  return sign | (((leading + 102u) << 23u) + (fraction << (23u - leading)));
}
fn narrow(storage: u32, bits: u32) -> u32 {
  let magnitude = bits & 0x7fffffffu;
  let isNan = magnitude > 0x7f800000u;
  if (storage == 2u) {
    return select(bits + 0x7fffu + ((bits >> 16u) & 1u), bits | 0x400000u, isNan) >> 16u;
  }
  let sign = (bits >> 16u) & 0x8000u;
  if (isNan) {
    return sign | 0x7e00u | ((magnitude >> 13u) & 0x3ffu);
  }
  if (magnitude >= 0x47800000u) {
    return sign | 0x7c00u;
  }
  if (magnitude >= 0x38800000u) {
    return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u);
  }
  let places = min(126u - (magnitude >> 23u), 25u);
  let whole = (magnitude & 0x7fffffu) | 0x800000u;
  return sign | ((whole + (1u << (places - 1u)) - 1u + ((whole >> places) & 1u)) >> places);
}`,
  strided_sums: `
var<workgroup> partSums: array<f32, 256>;
fn stridedSum(lane: u32, first: u32, step: u32, count: u32) -> f32 {
  var sum = 0.0;
  for (var part = lane / 8u; part < count; part += 32u) {
    sum += scratch[first + part * step];
  }
  partSums[lane] = sum;
  for (var half = 128u; half >= 8u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      partSums[lane] += partSums[lane + half];
    }
  }
  return partSums[lane];
}`,
  tanh_accurate: `
// include: exp_accurate
fn tanhAccurate(x: f32) -> f32 {
  let square = x * x;
  let near = x * ((square + 105.0) * square + 945.0) / ((15.0 * square + 420.0) * square + 945.0);
  return select(near, 1.0 - 2.0 / (expAccurate(2.0 * x) + 1.0), square >= 1.0);
}`,
  tensor_quad_stores: `
fn storeTensor(row: u32, cols: vec4u, isIn: vec4<bool>, words: vec4u) {
  if (tensorType == 0u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      if (isIn[j]) {
        tensor[row + cols[j]] = words[j];
      }
    }
    return;
  }
  for (var j = 0u; j < 2u; j++) { // unroll
    let at = (row + cols[2u * j]) / 2u;
    if (isIn[2u * j + 1u]) {
      tensor[at] = words[j];
    } else if (isIn[2u * j]) {
      tensor[at] = (tensor[at] & 0xffff0000u) | (words[j] & 0xffffu);
    }
  }
}`,
  tensor_quads: `
override tensorType: u32 = 0u;
fn wholeTensor(row: u32, cols: vec4u) -> vec4u {
  if (tensorType == 0u) {
    return vec4u(
      tensor[row + cols.x],
      tensor[row + cols.y],
      tensor[row + cols.z],
      tensor[row + cols.w],
    );
  }
  return vec4u(tensor[(row + cols.x) / 2u], tensor[(row + cols.z) / 2u], 0u, 0u);
}
fn loadTensor(row: u32, cols: vec4u, isIn: vec4<bool>) -> vec4u {
  var words = vec4u();
  if (tensorType == 0u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      if (isIn[j]) {
        words[j] = tensor[row + cols[j]];
      }
    }
    return words;
  }
  for (var j = 0u; j < 2u; j++) { // unroll
    if (isIn[2u * j]) {
      let word = tensor[(row + cols[2u * j]) / 2u];
      words[j] = select(word & 0xffffu, word, isIn[2u * j + 1u]);
    }
  }
  return words;
}`,
  tile: `
// include: block
struct Tile {
  block: u32,
  matrix: u32,
  rowBegin: u32,
  rowEnd: u32,
  colBegin: u32,
  colEnd: u32,
  down: u32,
  across: u32,
  numDown: u32,
  numAcross: u32,
  first: u32,
  cols: u32,
  shift: u32,
  lanesY: u32,
}
fn tileAt(number: u32) -> Tile {
  var block = params.firstBlock;
  var lastBlock = block + params.numBlocks;
  while (lastBlock - block > 1u) {
    let middle = (block + lastBlock) / 2u;
    if (blocks[middle].firstTile <= number) {
      block = middle;
    } else {
      lastBlock = middle;
    }
  }
  let shape = vec2u(blocks[block].rows, blocks[block].cols);
  let ofPart = tilesOfPart(block);
  let parts = vec2u(blocks[block].partsDown, blocks[block].partsAcross);
  let tiles = parts * ofPart;
  let within = number - blocks[block].firstTile;
  let place = vec2u(within / tiles.y % tiles.x, within % tiles.y);
  let matrix = within / tiles.y / tiles.x;
  let partSize = shape / parts;
  let partBegin = place / ofPart * partSize;
  let tileSize = vec2u(blocks[block].tileRows, blocks[block].tileCols);
  let begin = partBegin + place % ofPart * tileSize;
  let end = min(begin + tileSize, partBegin + partSize);
  let quads = (tileSize.y + 3u) / 4u;
  let shift = clamp(32u - countLeadingZeros(quads - 1u), 3u, 8u);
  return Tile(
    block,
    matrix,
    begin.x,
    end.x,
    begin.y,
    end.y,
    place.x,
    place.y,
    tiles.x,
    tiles.y,
    matrix * shape.x * shape.y,
    shape.y,
    shift,
    256u >> shift,
  );
}
struct Lane {
  x: u32,
  y: u32,
  colBegin: u32,
  cols: vec4u,
  isIn: vec4<bool>,
}
fn laneOf(tile: Tile, lane: u32, colBegin: u32) -> Lane {
  let lanesX = 1u << tile.shift;
  let x = lane & (lanesX - 1u);
  var cols = vec4u(x) + lanesX * vec4u(0u, 1u, 2u, 3u);
  if (isPaired()) {
    cols = vec4u(2u * x) + vec4u(0u, 1u, 2u * lanesX, 2u * lanesX + 1u);
  }
  cols += colBegin;
  return Lane(x, lane >> tile.shift, colBegin, cols, cols < vec4u(tile.colEnd));
}
fn insideOf(tile: Tile, place: Lane, row: u32) -> vec4<bool> {
  return select(vec4<bool>(false), place.isIn, row < tile.rowEnd);
}
fn isFull(tile: Tile, colBegin: u32, band: u32, numRows: u32) -> bool {
  return colBegin + (4u << tile.shift) <= tile.colEnd && band + numRows * tile.lanesY <= tile.rowEnd;
}
fn rowStart(tile: Tile, row: u32) -> u32 {
  return tile.first + row * tile.cols;
}
fn tilePartial(tile: Tile) -> u32 {
  let batch = blocks[tile.block].batch;
  let vectors = blocks[tile.block].rows * tile.numAcross + tile.numDown * blocks[tile.block].cols;
  let index = (tile.matrix * tile.numDown + tile.down) * tile.numAcross + tile.across;
  return blocks[tile.block].partials + batch * vectors + index;
}`,
  tile_vectors: `
// include: tile
var<workgroup> rowLanes: array<f32, 2304>;
var<workgroup> columnLanes: array<f32, 1024>;
fn leaveRow(tile: Tile, place: Lane, i: u32, quad: vec4f) {
  let sum = fma(quad.x, quad.x, fma(quad.y, quad.y, fma(quad.z, quad.z, quad.w * quad.w)));
  rowLanes[(((i * tile.lanesY + place.y) * 9u) << (tile.shift - 3u)) + place.x] = sum;
}
fn joinRows(tile: Tile, place: Lane, lane: u32, bandBegin: u32) {
  let shift = tile.shift - 3u;
  let lanesPerRow = 1u << shift;
  let first = (((lane >> shift) * 9u) << shift) + (lane & (lanesPerRow - 1u));
  var part = rowLanes[first];
  for (var j = 0u; j < 7u; j++) { // unroll
    part += rowLanes[first + ((j + 1u) << shift)];
  }
  rowLanes[first] = part;
  workgroupBarrier();
  let row = bandBegin + lane;
  if (lane < 8u * tile.lanesY && row < tile.rowEnd) {
    let begin = (lane * 9u) << shift;
    var sum = rowLanes[begin];
    for (var j = 1u; j < lanesPerRow; j++) {
      sum += rowLanes[begin + j];
    }
    let block = tile.block;
    let at = blocks[block].partials +
      (tile.matrix * blocks[block].rows + row) * tile.numAcross + tile.across;
    if (place.colBegin > tile.colBegin) {
      sum += partials[at];
    }
    partials[at] = sum;
  }
  workgroupBarrier();
}
fn joinColumns(tile: Tile, place: Lane, lane: u32, sums: vec4f) {
  for (var j = 0u; j < 4u; j++) { // unroll
    columnLanes[j * 256u + lane] = sums[j];
  }
  workgroupBarrier();
  let block = tile.block;
  let rows = blocks[block].partials + blocks[block].batch * blocks[block].rows * tile.numAcross;
  let start = rows + (tile.matrix * tile.numDown + tile.down) * tile.cols + place.colBegin;
  let width = min(tile.colEnd - place.colBegin, 1024u);
  for (var col = lane; col < width; col += 256u) {
    var x = col;
    var j = x >> tile.shift;
    if (isPaired()) {
      x = col / 2u;
      j = 2u * (x >> tile.shift) + col % 2u;
    }
    let first = j * 256u + (x & ((1u << tile.shift) - 1u));
    var sum = columnLanes[first];
    for (var y = 1u; y < tile.lanesY; y++) {
      sum += columnLanes[first + (y << tile.shift)];
    }
    partials[start + col] = sum;
  }
}`,
  update_quads: `
// include: tile
struct Factors {
  rows: u32,
  cols: vec4f,
  cap: f32,
}
fn factorsOf(tile: Tile, place: Lane) -> Factors {
  let first = blocks[tile.block].factors;
  let numRows = blocks[tile.block].batch * blocks[tile.block].rows;
  let numCols = blocks[tile.block].batch * blocks[tile.block].cols;
  let at = first + numRows + tile.matrix * blocks[tile.block].cols;
  var cols = vec4f();
  for (var j = 0u; j < 4u; j++) { // unroll
    if (place.isIn[j]) {
      cols[j] = factors[at + place.cols[j]];
    }
  }
  let rows = first + tile.matrix * blocks[tile.block].rows;
  return Factors(rows, cols, factors[first + numRows + numCols]);
}
fn rowFactorOf(tile: Tile, by: Factors, row: u32) -> f32 {
  return factors[by.rows + min(row, tile.rowEnd - 1u)];
}
fn updateOf(by: Factors, rowFactor: f32, grad: vec4f) -> vec4f {
  return grad * min(rowFactor * by.cols, vec4f(by.cap));
}`,
  vector_search: `
fn blockOfVector(number: u32) -> u32 {
  var block = params.firstBlock;
  var end = block + params.numBlocks;
  while (end - block > 1u) {
    let middle = (block + end) / 2u;
    if (blocks[middle].firstVector <= number) {
      block = middle;
    } else {
      end = middle;
    }
  }
  return block;
}`,
  workgroup_sum: `
var<workgroup> laneSums: array<f32, 256>;
fn workgroupSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = 0.0;
    for (var j = 0u; j < 16u; j++) { // unroll
      sum += laneSums[j * 16u + lane];
    }
    laneSums[lane] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  if (lane == 0u) {
    for (var j = 0u; j < 16u; j++) { // unroll
      total += laneSums[j];
    }
  }
  return total;
}`,
};
