// Activations, elementwise, with the logistic function s(z) = 1 / (1 + e^-z):
//   0 relu max(x, 0)    1 silu x s(x)    2 gelu_tanh x s(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3)    3 tanh x
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours read neighbours.

// include: logistic
// include: tanh_accurate

override which: u32;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.length) {
      out[i] = activation(x[i]);
    }
  }
}

fn activation(x: f32) -> f32 {
  switch which {
    case 0u: {
      return max(x, 0.0);
    }
    case 1u: {
      return x * logistic(x);
    }
    case 2u: {
      return x * logistic(1.5957691 * (x + 0.044715 * x * x * x));
    }
    default: {
      return tanhAccurate(x);
    }
  }
}
