// exp(x) to about one unit in the last place on every adapter: WGSL lets its own exp be off by 3 + 2 |x| units.
// exp(x) = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; ln 2 is split in two parts so that r is exact.
// Not for NaN: clamp may replace it.

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
  // In two factors, as 2^n alone leaves the range of f32 before the product does.
  let half = i32(n) / 2;
  return p * powerOfTwo(half) * powerOfTwo(i32(n) - half);
}

fn powerOfTwo(n: i32) -> f32 {
  return bitcast<f32>((n + 127) << 23u);
}
