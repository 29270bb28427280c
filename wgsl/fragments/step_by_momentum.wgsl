// momentum <- beta1 momentum + take u,  p <- p - decay p - over momentum (as it is before it is rounded to its storage type)

// include: tensor_quads for momentum
// include: tensor_quad_stores for momentum

// Whether two elements may share a word.
fn isPaired() -> bool {
  return gradType != 0u || paramType != 0u || momentumType != 0u;
}

struct Rates {
  beta1: f32,
  take: f32,
  over: f32,
  decay: f32,
}

fn ratesOf(block: u32) -> Rates {
  return Rates(blocks[block].beta1, steps[block].take, steps[block].over, steps[block].decay);
}

fn steppedParams(rates: Rates, p: vec4f, u: vec4f, before: Momentum) -> vec4f {
  let m = fma(vec4f(rates.take), u, rates.beta1 * quadOfWords(momentumType, before.words));
  storeMomentum(before.row, before.cols, before.isIn, wordsOfQuad(momentumType, m));
  return fma(vec4f(-rates.over), m, fma(vec4f(-rates.decay), p, p));
}
