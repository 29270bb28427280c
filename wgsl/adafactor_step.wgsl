// p <- p - decay p - (a / d) u, and tiles' sums of the new p^2, as stored. Nothing of param is changed where guard[0] != 0;
// the sums are taken all the same.

// include: block
// include: tile
// include: workgroup_sum
// include: storage_quads
// include: tensor_quads for grad
// include: tensor_quads for param
// include: tensor_quad_stores for param
// include: update_quads
// include: stochastic_quads
// include: rounded_params

struct Params {
  firstBlock: u32,
  numBlocks: u32,
  firstTile: u32,
  numTiles: u32,
  partialsLength: u32,
  gradType: u32,
  gradLength: u32,
  paramType: u32,
  paramLength: u32,
  factorsLength: u32,
  stochastic: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<vec4u>;
@group(0) @binding(2) var<storage, read> blocks: array<Block>;
@group(0) @binding(3) var<storage, read> factors: array<f32>;
@group(0) @binding(4) var<storage, read> steps: array<Step>;
@group(0) @binding(5) var<storage, read> guard: array<u32>;
@group(0) @binding(6) var<storage, read_write> param: array<vec4u>;
@group(0) @binding(7) var<storage, read_write> partials: array<f32>;

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
  let gradAligned = isAligned(tile, gradOffset);
  let paramOffset = blocks[tile.block].paramOffset;
  let paramAligned = isAligned(tile, paramOffset);
  let rate = steps[tile.block].a / steps[tile.block].d;
  let decay = steps[tile.block].decay;
  var squares = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let by = factorsOf(tile, place);
    let rounding = roundingOf(tile, place);
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 4u * tile.lanesY) {
      var rowFactors: array<f32, 4>;
      var gradWords: array<vec4u, 4>;
      var paramWords: array<vec4u, 4>;
      let isWhole = gradAligned && paramAligned && isFull(tile, colBegin, band, 4u);
      let start = rowStart(tile, band + place.y) + place.col;
      let step = tile.lanesY * tile.cols;
      for (var i = 0u; i < 4u; i++) { // unroll
        rowFactors[i] = rowFactorOf(tile, by, band + place.y + i * tile.lanesY);
      }
      if (isWhole) {
        for (var i = 0u; i < 4u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step);
          paramWords[i] = wholeParam(paramOffset + start + i * step);
        }
      } else {
        for (var i = 0u; i < 4u; i++) { // unroll
          let count = select(0u, place.count, band + place.y + i * tile.lanesY < tile.rowEnd);
          gradWords[i] = loadGrad(gradOffset + start + i * step, count, gradAligned);
          paramWords[i] = loadParam(paramOffset + start + i * step, count, paramAligned);
        }
      }
      for (var i = 0u; i < 4u; i++) { // unroll
        let row = band + place.y + i * tile.lanesY;
        let count = select(0u, place.count, row < tile.rowEnd);
        var p = quadOfWords(paramType, paramWords[i]);
        if (changing) {
          let u = updateOf(by, rowFactors[i], quadOfWords(gradType, gradWords[i]));
          p = fma(vec4f(-rate), u, fma(vec4f(-decay), p, p));
          let words = roundedParams(rounding, row, p);
          storeParam(paramOffset + start + i * step, count, paramAligned, words);
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
