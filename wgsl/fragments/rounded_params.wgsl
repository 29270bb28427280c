// New parameters in their storage type: to the nearest or, where `stochastic`, up or down at random. Needs `steps` and the
// fragments stochastic_quads and tensor_quads for param.

override stochastic: bool = false;

fn roundedParams(tile: Tile, place: Lane, row: u32, quad: vec4f) -> vec4u {
  if (paramType == 0u || !stochastic) {
    return wordsOfQuad(paramType, quad);
  }
  let index = globalRowStart(tile, row) + globalCols(tile.block, place.col);
  return wordsAtRandom(paramType, quad, randomBits(index, steps[tile.block].key));
}
