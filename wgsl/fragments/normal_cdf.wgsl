// Phi(x) = erfc(-x / sqrt 2) / 2 with Numerical Recipes' Chebyshev fit of erfc (section 6.2: relative error below 1.2e-7
// for every x, so both tails keep their digits).

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
}
