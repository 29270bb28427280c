// p <- p - decay p - (a / d) u. There is no momentum.

// Whether two elements may share a word.
fn isPaired() -> bool {
  return gradType != 0u || paramType != 0u;
}

fn wholeMomentum(row: u32, cols: vec4u) -> vec4u {
  return vec4u();
}

fn loadMomentum(row: u32, cols: vec4u, isIn: vec4<bool>) -> vec4u {
  return vec4u();
}

struct Rates {
  rate: f32,
  decay: f32,
}

fn ratesOf(block: u32) -> Rates {
  return Rates(steps[block].a / steps[block].d, steps[block].decay);
}

fn steppedParams(rates: Rates, p: vec4f, u: vec4f, before: Momentum) -> vec4f {
  return fma(vec4f(-rates.rate), u, fma(vec4f(-rates.decay), p, p));
}
