// New parameters in their storage type: to the nearest or, where `stochastic`, up or down at random. Needs `steps`,
// and tensor_quads for param.

// include: stochastic_quads

override stochastic: bool = false;

// How a lane rounds; unused where it rounds to the nearest.
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
}
