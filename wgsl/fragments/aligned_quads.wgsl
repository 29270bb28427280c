// Where two numbers are both positive or both negative; not by their product, which may vanish.

fn haveOneSign(a: vec4f, b: vec4f) -> vec4<bool> {
  return ((a > vec4f()) & (b > vec4f())) | ((a < vec4f()) & (b < vec4f()));
}
