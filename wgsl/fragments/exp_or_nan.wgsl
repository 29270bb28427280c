// include: exp_accurate

// NaN is passed on: known by its bits, as a compiler may take x != x for false.
fn expOrNan(x: f32) -> f32 {
  let isNan = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(expAccurate(x), x, isNan);
}
