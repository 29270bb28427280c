// p <- p - decay p - over momentum where the momentum has the sign of take u, which it contains already (Liang et al. 2024),
// and p <- p - decay p elsewhere.

// include: tensor_quads for momentum
// include: aligned_quads

// Whether two elements may share a word.
fn isPaired() -> bool {
  return gradType != 0u || paramType != 0u || momentumType != 0u;
}

struct Rates {
  take: f32,
  over: f32,
  decay: f32,
}

fn ratesOf(block: u32) -> Rates {
  return Rates(steps[block].take, steps[block].over, steps[block].decay);
}

fn steppedParams(rates: Rates, p: vec4f, u: vec4f, before: Momentum) -> vec4f {
  let m = quadOfWords(momentumType, before.words);
  let over = select(vec4f(), vec4f(-rates.over), haveOneSign(m, rates.take * u));
  return fma(over, m, fma(vec4f(-rates.decay), p, p));
}
