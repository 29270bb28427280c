// The functions of pointwise formulas (src/device/kernels/pointwise.ts), beside WGSL's own abs, sqrt and floor;
// rust_kernels/src/ops/pointwise_functions.rs has the same ones. NaN is known by its bits, as a compiler may take x != x for
// false; infinity and NaN are made from bits, as it may take them for mistakes.

// include: exp_or_nan
// include: normal_cdf
// include: tanh_accurate

fn isNotANumber(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn whereEqual(a: f32, b: f32, then: f32, otherwise: f32) -> f32 {
  return select(otherwise, then, a == b);
}

fn whereGreater(a: f32, b: f32, then: f32, otherwise: f32) -> f32 {
  return select(otherwise, then, a > b);
}

fn whereAtLeast(a: f32, b: f32, then: f32, otherwise: f32) -> f32 {
  return select(otherwise, then, a >= b);
}

// The larger of both; NaN if either is NaN.
fn larger(a: f32, b: f32) -> f32 {
  return select(select(a, b, b > a), b, isNotANumber(b));
}

// The smaller of both; NaN if either is NaN.
fn smaller(a: f32, b: f32) -> f32 {
  return select(select(a, b, b < a), b, isNotANumber(b));
}

fn exponential(x: f32) -> f32 {
  return expOrNan(x);
}

fn logistic(z: f32) -> f32 {
  return 1.0 / (1.0 + expOrNan(-z));
}

// e^(-x^2 / 2)
fn gaussian(x: f32) -> f32 {
  return expOrNan(x * x * -0.5);
}

// The logarithm by fdlibm's logf: x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); error below one unit in the last place.
fn logarithm(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (bits == 0x7f800000u || isNotANumber(x)) {
    return x;
  }
  if (x <= 0.0) {
    return bitcast<f32>(select(0x7fc00000u, 0xff800000u, x == 0.0));
  }
  // Numbers below 2^-126 have no leading bit of their own.
  let isSmall = bits < 0x00800000u;
  let scaled = select(bits, bitcast<u32>(x * 33554432.0), isSmall) + (0x3f800000u - 0x3f3504f3u);
  let k = f32(i32(scaled >> 23u) - 127) - select(0.0, 25.0, isSmall);
  let f = bitcast<f32>((scaled & 0x7fffffu) + 0x3f3504f3u) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let w = z * z;
  let r = z * (0.6666666 + w * 0.28498787) + w * (0.40000972 + w * 0.24279079);
  let half = 0.5 * f * f;
  return s * (half + r) + k * 9.0580006e-6 - half + f + k * 0.6931381;
}

// log(1 + u) for u >= 0: what rounding 1 + u loses is made good.
fn logOnePlus(u: f32) -> f32 {
  let whole = 1.0 + u;
  return logarithm(whole) + (u - (whole - 1.0)) / whole;
}

// a^b: x x exactly for b = 2; the sign of a negative base by whether b is odd; NaN if it is no integer.
fn power(a: f32, b: f32) -> f32 {
  let p = exponential(b * logarithm(abs(a)));
  let isOdd = floor(b * 0.5) * 2.0 != b;
  let signed = select(p, -p, isOdd);
  let ofNegative = select(bitcast<f32>(0x7fc00000u | (bitcast<u32>(a) & 1u)), signed, floor(b) == b);
  let general = select(p, ofNegative, a < 0.0);
  return select(select(select(general, a * a, b == 2.0), a, b == 1.0), 1.0, b == 0.0 || a == 1.0);
}
