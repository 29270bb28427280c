// Rounding up or down to 16 bits with probabilities that make the mean exact: random bits are added below the last place
// that is kept. They depend only on the element's index in the whole parameter and on the step's key, so every mesh rounds
// alike. A finite number never becomes infinite.

// include: storage_quads
// include: tile

// The positions of a lane's elements in the whole parameter.
struct GlobalPlace {
  // Rows of the whole parameter before its matrix, and factors that map a row of the block to one of the whole matrix.
  firstRow: u32,
  rowInner: u32,
  rowInnerGlobal: u32,
  indexCols: u32,
  // Its 4 columns.
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

// The public hash "lowbias32".
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
    // Below 2^-14, in units of 2^-24.
    let scaled = bitcast<vec4f>(min(magnitude, vec4u(0x38800000u))) * 0x1p24;
    let whole = floor(scaled);
    let isUp = (scaled - whole) * 65536.0 > vec4f(low);
    let small = vec4u(whole) + select(vec4u(0u), vec4u(1u), isUp);
    rounded = min(select(large, small, magnitude < vec4u(0x38800000u)), vec4u(0x7bffu));
  }
  let isFinite = magnitude < vec4u(0x7f800000u);
  return packed(select(nearest(storage, bits), rounded | sign, isFinite));
}
