//! Elementwise activations and their gradients: ReLU, SiLU, GELU in its tanh form, tanh. All but ReLU are built on the
//! logistic function s(z) = 1 / (1 + e^-z) or, tanh, on e^2x.

use crate::simd::f32x4::F32x4;
use crate::simd::groups::{map, zip};

/// out = max(x, 0), NaN where x is NaN
pub fn relu(x: &[f32], out: &mut [f32]) {
    let zero = F32x4::splat(0.0);
    map(x, out, |x| zero.where_ge(x, zero, x));
}

/// dx = dy where x > 0, else 0
pub fn relu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let zero = F32x4::splat(0.0);
    zip(x, dy, dx, |x, dy| zero.where_ge(x, zero, dy));
}

/// out = x s(x)
pub fn silu(x: &[f32], out: &mut [f32]) {
    map(x, out, |x| x * logistic(x));
}

/// dx = dy s (1 + x (1 - s)), s = s(x)
pub fn silu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let one = F32x4::splat(1.0);
    zip(x, dy, dx, |x, dy| {
        let s = logistic(x);
        dy * s * (one + x * (one - s))
    });
}

/// out = x s(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3), which is x (1 + tanh(z / 2)) / 2
pub fn gelu_tanh(x: &[f32], out: &mut [f32]) {
    map(x, out, |x| x * logistic(x * slope(x * x, CUBIC)));
}

/// dx = dy (s + x s (1 - s) dz/dx), s = s(z)
pub fn gelu_tanh_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let one = F32x4::splat(1.0);
    zip(x, dy, dx, |x, dy| {
        let square = x * x;
        let s = logistic(x * slope(square, CUBIC));
        dy * (s + x * s * (one - s) * slope(square, 3.0 * CUBIC))
    });
}

/// out = tanh x
pub fn hyperbolic_tangent(x: &[f32], out: &mut [f32]) {
    map(x, out, tanh);
}

/// dx = dy (1 - tanh^2 x)
pub fn hyperbolic_tangent_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    zip(x, dy, dx, |x, dy| {
        let t = tanh(x);
        dy * (F32x4::splat(1.0) - t * t)
    });
}

const CUBIC: f32 = 0.044_715;

/// 2 sqrt(2 / pi) (1 + cubic x^2)
#[inline(always)]
fn slope(square: F32x4, cubic: f32) -> F32x4 {
    const TWICE_ROOT: f32 = 1.595_769;
    F32x4::splat(TWICE_ROOT) + F32x4::splat(TWICE_ROOT * cubic) * square
}

/// tanh x, relative error <= 4e-7: 1 - 2 / (e^2x + 1), and where |x| < 1 Lambert's continued fraction
/// x / (1 + x^2 / (3 + x^2 / (5 + x^2 / (7 + x^2 / 9)))).
#[inline(always)]
pub fn tanh(x: F32x4) -> F32x4 {
    let (one, two) = (F32x4::splat(1.0), F32x4::splat(2.0));
    let square = x * x;
    let near = x * square.polynomial([1.0, 105.0, 945.0]) / square.polynomial([15.0, 420.0, 945.0]);
    square.where_ge(one, one - two / ((two * x).exp() + one), near)
}

#[inline(always)]
fn logistic(z: F32x4) -> F32x4 {
    let one = F32x4::splat(1.0);
    one / (one + (F32x4::splat(-1.0) * z).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_accurate_to_4e_7() {
        for i in -9000..9000 {
            let x = i as f32 * 1e-2 + 3e-5;
            let got = f64::from(tanh(F32x4::splat(x)).lanes()[0]);
            let want = f64::from(x).tanh();
            assert!((got / want - 1.0).abs() <= 4e-7, "tanh({x}) = {got}, want {want}");
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    macro_rules! export_activation {
        ($name:ident, $backward:ident) => {
            #[wasm_bindgen]
            pub fn $name(x: In, out: Out, length: usize) {
                super::$name(read(x, length), write(out, length));
            }

            #[wasm_bindgen]
            pub fn $backward(x: In, dy: In, dx: Out, length: usize) {
                super::$backward(read(x, length), read(dy, length), write(dx, length));
            }
        };
    }
    export_activation!(relu, relu_backward);
    export_activation!(silu, silu_backward);
    export_activation!(gelu_tanh, gelu_tanh_backward);
    export_activation!(hyperbolic_tangent, hyperbolic_tangent_backward);
}
