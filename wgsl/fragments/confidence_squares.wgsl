// CAME (Luo et al. 2023): (u / d - momentum)^2, the momentum as it is before it is rounded to its storage type; summed over
// the rows and columns of tiles too, as adafactor_tile_sums.wgsl sums g^2.

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

// Needs all lanes.
fn endBand(tile: Tile, place: Lane, lane: u32, band: u32) {
  workgroupBarrier();
  joinRows(tile, place, lane, band);
}

// Needs all lanes.
fn endColumns(tile: Tile, place: Lane, lane: u32, columns: vec4f) {
  joinColumns(tile, place, lane, columns);
}
