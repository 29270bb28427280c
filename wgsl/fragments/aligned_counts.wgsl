// Of the momentum's elements, as stored, 1 for each that has the sign of take u. Rows and columns have no sums.

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
}
