//! Generated from src/device/kernels/pointwise.ts by `deno task wgsl`: do not edit.

use crate::operands::*;
use crate::ops::pointwise::{flat, spread};
use crate::ops::pointwise_functions::*;

flat! { absolute(x) -> out, [] { abs(x) } }
flat! { absolute_backward(x, dy) -> dx, [] { where_equal(x, splat(0.0), splat(0.0), where_greater(x, splat(0.0), dy, -dy)) } }
flat! { clamp(x) -> out, [low, high] { smaller(larger(x, low), high) } }
flat! { clamp_backward(x, dy) -> dx, [low, high] { where_at_least(x, low, where_at_least(high, x, dy, splat(0.0)), splat(0.0)) } }
flat! { gelu(x) -> out, [] { x * normal_cdf(x) } }
flat! { gelu_backward(x, dy) -> dx, [] { dy * (normal_cdf(x) + x * (gaussian(x) * splat(0.3989423))) } }
flat! { gelu_tanh(x) -> out, [] { x * logistic(x * (splat(1.595769) + splat(0.07135481) * (x * x))) } }
flat! { gelu_tanh_backward(x, dy) -> dx, [] { let c = x * x; let s = logistic(x * (splat(1.595769) + splat(0.07135481) * c)); dy * (s + x * s * (splat(1.0) - s) * (splat(1.595769) + splat(0.21406444) * c)) } }
flat! { hyperbolic_tangent(x) -> out, [] { tanh_accurate(x) } }
flat! { hyperbolic_tangent_backward(x, dy) -> dx, [] { let t = tanh_accurate(x); dy * (splat(1.0) - t * t) } }
flat! { inverse_square_root(x) -> out, [] { splat(1.0) / sqrt(x) } }
flat! { inverse_square_root_backward(x, dy) -> dx, [] { dy * -splat(0.5) / (x * sqrt(x)) } }
flat! { leaky_relu(x) -> out, [slope] { where_greater(splat(0.0), x, slope * x, x) } }
flat! { leaky_relu_backward(x, dy) -> dx, [slope] { where_greater(x, splat(0.0), dy, slope * dy) } }
flat! { natural_exp(x) -> out, [] { exponential(x) } }
flat! { natural_exp_backward(x, dy) -> dx, [] { dy * exponential(x) } }
flat! { natural_log(x) -> out, [] { logarithm(x) } }
flat! { natural_log_backward(x, dy) -> dx, [] { dy / x } }
flat! { neg(x) -> out, [] { -x } }
flat! { relu(x) -> out, [] { where_greater(splat(0.0), x, splat(0.0), x) } }
flat! { relu_backward(x, dy) -> dx, [] { where_greater(x, splat(0.0), dy, splat(0.0)) } }
flat! { scale(x) -> out, [factor] { factor * x } }
flat! { sigmoid(x) -> out, [] { logistic(x) } }
flat! { sigmoid_backward(x, dy) -> dx, [] { let s = logistic(x); dy * s * (splat(1.0) - s) } }
flat! { silu(x) -> out, [] { x * logistic(x) } }
flat! { silu_backward(x, dy) -> dx, [] { let s = logistic(x); dy * s * (splat(1.0) + x * (splat(1.0) - s)) } }
flat! { softplus(x) -> out, [] { larger(x, splat(0.0)) + log_one_plus(exponential(-abs(x))) } }
flat! { softplus_backward(x, dy) -> dx, [] { dy * logistic(x) } }
flat! { square_root(x) -> out, [] { sqrt(x) } }
flat! { square_root_backward(x, dy) -> dx, [] { dy * splat(0.5) / sqrt(x) } }
spread! { add(a: a_dims, b: b_dims) -> out, [] { a + b } }
spread! { choose(condition: condition_dims, a: a_dims, b: b_dims) -> out, [] { where_equal(condition, splat(0.0), b, a) } }
spread! { choose_backward_a(condition: condition_dims; dy) -> dx, [] { where_equal(condition, splat(0.0), splat(0.0), dy) } }
spread! { choose_backward_b(condition: condition_dims; dy) -> dx, [] { where_equal(condition, splat(0.0), dy, splat(0.0)) } }
spread! { div(a: a_dims, b: b_dims) -> out, [] { a / b } }
spread! { div_backward_a(b: b_dims; dy) -> dx, [] { dy / b } }
spread! { div_backward_b(a: a_dims, b: b_dims; dy) -> dx, [] { -dy * (a / b / b) } }
spread! { equal(a: a_dims, b: b_dims) -> out, [] { where_equal(a, b, splat(1.0), splat(0.0)) } }
spread! { expand(x: x_dims) -> out, [] { x } }
spread! { greater(a: a_dims, b: b_dims) -> out, [] { where_greater(a, b, splat(1.0), splat(0.0)) } }
spread! { greater_equal(a: a_dims, b: b_dims) -> out, [] { where_at_least(a, b, splat(1.0), splat(0.0)) } }
spread! { less(a: a_dims, b: b_dims) -> out, [] { where_greater(b, a, splat(1.0), splat(0.0)) } }
spread! { less_equal(a: a_dims, b: b_dims) -> out, [] { where_at_least(b, a, splat(1.0), splat(0.0)) } }
spread! { logistic_loss(a: a_dims, b: b_dims) -> out, [] { larger(a, splat(0.0)) - a * b + log_one_plus(exponential(-abs(a))) } }
spread! { logistic_loss_backward_a(a: a_dims, b: b_dims; dy) -> dx, [] { dy * (logistic(a) - b) } }
spread! { logistic_loss_backward_b(a: a_dims; dy) -> dx, [] { -dy * a } }
spread! { maximum(a: a_dims, b: b_dims) -> out, [] { larger(a, b) } }
spread! { maximum_backward_a(a: a_dims, b: b_dims; dy) -> dx, [] { where_equal(a, b, splat(0.5) * dy, where_greater(a, b, dy, splat(0.0))) } }
spread! { maximum_backward_b(a: a_dims, b: b_dims; dy) -> dx, [] { where_equal(a, b, splat(0.5) * dy, where_greater(b, a, dy, splat(0.0))) } }
spread! { minimum(a: a_dims, b: b_dims) -> out, [] { smaller(a, b) } }
spread! { minimum_backward_a(a: a_dims, b: b_dims; dy) -> dx, [] { where_equal(a, b, splat(0.5) * dy, where_greater(b, a, dy, splat(0.0))) } }
spread! { minimum_backward_b(a: a_dims, b: b_dims; dy) -> dx, [] { where_equal(a, b, splat(0.5) * dy, where_greater(a, b, dy, splat(0.0))) } }
spread! { mul(a: a_dims, b: b_dims) -> out, [] { a * b } }
spread! { not_equal(a: a_dims, b: b_dims) -> out, [] { where_equal(a, b, splat(0.0), splat(1.0)) } }
spread! { smooth_l1(a: a_dims, b: b_dims) -> out, [beta] { let d = abs(a - b); where_greater(beta, d, splat(0.5) * d * d / beta, d - splat(0.5) * beta) } }
spread! { smooth_l1_backward_a(a: a_dims, b: b_dims; dy) -> dx, [beta] { let d = a - b; where_greater(beta, abs(d), dy * d / beta, where_equal(d, splat(0.0), splat(0.0), where_greater(d, splat(0.0), dy, -dy))) } }
spread! { squared_error(a: a_dims, b: b_dims) -> out, [] { let d = a - b; d * d } }
spread! { squared_error_backward_a(a: a_dims, b: b_dims; dy) -> dx, [] { dy * splat(2.0) * (a - b) } }
spread! { sub(a: a_dims, b: b_dims) -> out, [] { a - b } }
spread! { to_power(a: a_dims, b: b_dims) -> out, [] { power(a, b) } }
spread! { to_power_backward_a(a: a_dims, b: b_dims; dy) -> dx, [] { where_equal(b, splat(0.0), splat(0.0), dy * b * power(a, b - splat(1.0))) } }
spread! { to_power_backward_b(a: a_dims, b: b_dims; dy) -> dx, [] { where_equal(a, splat(0.0), splat(0.0), dy * power(a, b) * logarithm(a)) } }
