// dx = dy f'(x) for the activations f of activation.wgsl:
//   0 relu    1 silu s (1 + x (1 - s))    2 gelu_tanh s + x s (1 - s) dz/dx    3 tanh 1 - tanh^2
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
      dx[i] = dy[i] * derivative(x[i]);
    }
  }
}

fn derivative(x: f32) -> f32 {
  switch which {
    case 0u: {
      return select(0.0, 1.0, x > 0.0);
    }
    case 1u: {
      let s = logistic(x);
      return s * (1.0 + x * (1.0 - s));
    }
    case 2u: {
      let s = logistic(1.5957691 * (x + 0.044715 * x * x * x));
      return s + x * s * (1.0 - s) * (1.5957691 * (1.0 + 0.134145 * x * x));
    }
    default: {
      let t = tanhAccurate(x);
      return 1.0 - t * t;
    }
  }
}
