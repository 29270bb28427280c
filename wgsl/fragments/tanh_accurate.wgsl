// tanh x to a few units in the last place: 1 - 2 / (e^2x + 1), and where |x| < 1 Lambert's continued fraction
// x / (1 + x^2 / (3 + x^2 / (5 + x^2 / (7 + x^2 / 9)))), which also passes NaN on.

// include: exp_accurate

fn tanhAccurate(x: f32) -> f32 {
  let square = x * x;
  let near = x * ((square + 105.0) * square + 945.0) / ((15.0 * square + 420.0) * square + 945.0);
  return select(near, 1.0 - 2.0 / (expAccurate(2.0 * x) + 1.0), square >= 1.0);
}
