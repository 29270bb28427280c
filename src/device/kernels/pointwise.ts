// The table of pointwise formulas: a line for each function, and one for its gradient with respect to each operand. WGSL and
// Rust follow from the lines (pointwise_kernel.ts). s(z) = 1 / (1 + e^-z) is the logistic function, Phi the normal
// distribution function. Comparisons give 1 where they hold and 0 elsewhere, and have no gradient. A kernel is an export of
// WASM, so none may have the name of a function of the C library, such as exp or log.

import { type Flat, flat, type Spread, spread } from "./pointwise_kernel.ts";

/** A function of one tensor, and of numbers. */
export type Unary<Number extends string = never> = Flat<"x", "out", Number>;
/** dx, from x and dy. */
export type UnaryBackward<Number extends string = never> = Flat<"x" | "dy", "dx", Number>;
/** A function of two tensors that are broadcast. */
export type Binary<Number extends string = never> = Spread<"a" | "b", never, "out", Number>;
/** The gradient of one of two operands before it is summed over the dims that the operand lacks. */
export type BinaryBackward<Read extends "a" | "b", Number extends string = never> = Spread<
  Read,
  "dy",
  "dx",
  Number
>;

export const scale: Unary<"factor"> = unary("factor * x", "factor");

export const neg: Unary = unary("-x");

export const natural_exp: Unary = unary("exponential(x)");
export const natural_exp_backward: UnaryBackward = unaryBackward("dy * exponential(x)");

export const natural_log: Unary = unary("logarithm(x)");
export const natural_log_backward: UnaryBackward = unaryBackward("dy / x");

export const square_root: Unary = unary("sqrt(x)");
export const square_root_backward: UnaryBackward = unaryBackward("dy * 0.5 / sqrt(x)");

export const inverse_square_root: Unary = unary("1.0 / sqrt(x)");
export const inverse_square_root_backward: UnaryBackward = unaryBackward(
  "dy * -0.5 / (x * sqrt(x))",
);

export const absolute: Unary = unary("abs(x)");
export const absolute_backward: UnaryBackward = unaryBackward(
  "whereEqual(x, 0.0, 0.0, whereGreater(x, 0.0, dy, -dy))",
);

export const sigmoid: Unary = unary("logistic(x)");
export const sigmoid_backward: UnaryBackward = unaryBackward(
  "let s = logistic(x); dy * s * (1.0 - s)",
);

export const hyperbolic_tangent: Unary = unary("tanhAccurate(x)");
export const hyperbolic_tangent_backward: UnaryBackward = unaryBackward(
  "let t = tanhAccurate(x); dy * (1.0 - t * t)",
);

export const relu: Unary = unary("whereGreater(0.0, x, 0.0, x)");
export const relu_backward: UnaryBackward = unaryBackward("whereGreater(x, 0.0, dy, 0.0)");

export const leaky_relu: Unary<"slope"> = unary("whereGreater(0.0, x, slope * x, x)", "slope");
export const leaky_relu_backward: UnaryBackward<"slope"> = unaryBackward(
  "whereGreater(x, 0.0, dy, slope * dy)",
  "slope",
);

/** x s(x) */
export const silu: Unary = unary("x * logistic(x)");
export const silu_backward: UnaryBackward = unaryBackward(
  "let s = logistic(x); dy * s * (1.0 + x * (1.0 - s))",
);

/** x Phi(x), exact GELU */
export const gelu: Unary = unary("x * normalCdf(x)");
export const gelu_backward: UnaryBackward = unaryBackward(
  "dy * (normalCdf(x) + x * (gaussian(x) * 0.3989423))",
);

/** x s(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3) (GELU by tanh) */
export const gelu_tanh: Unary = unary("x * logistic(x * (1.595769 + 0.07135481 * (x * x)))");
export const gelu_tanh_backward: UnaryBackward = unaryBackward(
  "let c = x * x; let s = logistic(x * (1.595769 + 0.07135481 * c)); " +
    "dy * (s + x * s * (1.0 - s) * (1.595769 + 0.21406444 * c))",
);

/** log(1 + e^x) */
export const softplus: Unary = unary("larger(x, 0.0) + logOnePlus(exponential(-abs(x)))");
export const softplus_backward: UnaryBackward = unaryBackward("dy * logistic(x)");

export const clamp: Unary<"low" | "high"> = unary(
  "smaller(larger(x, low), high)",
  "low",
  "high",
);
export const clamp_backward: UnaryBackward<"low" | "high"> = unaryBackward(
  "whereAtLeast(x, low, whereAtLeast(high, x, dy, 0.0), 0.0)",
  "low",
  "high",
);

/** Copies x to the dims that it lacks. */
export const expand: Spread<"x", never, "out"> = spread(
  { reads: ["x"], whole: [], out: "out" },
  "x",
);

export const add: Binary = binary("a + b");

export const sub: Binary = binary("a - b");

export const mul: Binary = binary("a * b");

export const div: Binary = binary("a / b");
export const div_backward_a: BinaryBackward<"b"> = binaryBackward(["b"], "dy / b");
export const div_backward_b: BinaryBackward<"a" | "b"> = binaryBackward(
  ["a", "b"],
  "-dy * (a / b / b)",
);

export const to_power: Binary = binary("power(a, b)");
export const to_power_backward_a: BinaryBackward<"a" | "b"> = binaryBackward(
  ["a", "b"],
  "whereEqual(b, 0.0, 0.0, dy * b * power(a, b - 1.0))",
);
export const to_power_backward_b: BinaryBackward<"a" | "b"> = binaryBackward(
  ["a", "b"],
  "whereEqual(a, 0.0, 0.0, dy * power(a, b) * logarithm(a))",
);

export const maximum: Binary = binary("larger(a, b)");
export const maximum_backward_a: BinaryBackward<"a" | "b"> = binaryBackward(
  ["a", "b"],
  "whereEqual(a, b, 0.5 * dy, whereGreater(a, b, dy, 0.0))",
);
export const maximum_backward_b: BinaryBackward<"a" | "b"> = binaryBackward(
  ["a", "b"],
  "whereEqual(a, b, 0.5 * dy, whereGreater(b, a, dy, 0.0))",
);

export const minimum: Binary = binary("smaller(a, b)");
export const minimum_backward_a: BinaryBackward<"a" | "b"> = binaryBackward(
  ["a", "b"],
  "whereEqual(a, b, 0.5 * dy, whereGreater(b, a, dy, 0.0))",
);
export const minimum_backward_b: BinaryBackward<"a" | "b"> = binaryBackward(
  ["a", "b"],
  "whereEqual(a, b, 0.5 * dy, whereGreater(a, b, dy, 0.0))",
);

export const equal: Binary = binary("whereEqual(a, b, 1.0, 0.0)");
export const not_equal: Binary = binary("whereEqual(a, b, 0.0, 1.0)");
export const greater: Binary = binary("whereGreater(a, b, 1.0, 0.0)");
export const greater_equal: Binary = binary("whereAtLeast(a, b, 1.0, 0.0)");
export const less: Binary = binary("whereGreater(b, a, 1.0, 0.0)");
export const less_equal: Binary = binary("whereAtLeast(b, a, 1.0, 0.0)");

/** a where the condition is not 0, else b */
export const choose: Spread<"condition" | "a" | "b", never, "out"> = spread(
  { reads: ["condition", "a", "b"], whole: [], out: "out" },
  "whereEqual(condition, 0.0, b, a)",
);
export const choose_backward_a: Spread<"condition", "dy", "dx"> = spread(
  { reads: ["condition"], whole: ["dy"], out: "dx" },
  "whereEqual(condition, 0.0, 0.0, dy)",
);
export const choose_backward_b: Spread<"condition", "dy", "dx"> = spread(
  { reads: ["condition"], whole: ["dy"], out: "dx" },
  "whereEqual(condition, 0.0, dy, 0.0)",
);

/** (a - b)^2 */
export const squared_error: Binary = binary("let d = a - b; d * d");
export const squared_error_backward_a: BinaryBackward<"a" | "b"> = binaryBackward(
  ["a", "b"],
  "dy * 2.0 * (a - b)",
);

/** (a - b)^2 / (2 beta) where |a - b| < beta, else |a - b| - beta / 2 */
export const smooth_l1: Binary<"beta"> = binary(
  "let d = abs(a - b); whereGreater(beta, d, 0.5 * d * d / beta, d - 0.5 * beta)",
  "beta",
);
export const smooth_l1_backward_a: BinaryBackward<"a" | "b", "beta"> = binaryBackward(
  ["a", "b"],
  "let d = a - b; whereGreater(beta, abs(d), dy * d / beta, " +
    "whereEqual(d, 0.0, 0.0, whereGreater(d, 0.0, dy, -dy)))",
  "beta",
);

/** The cross-entropy of the probability s(a) against b: max(a, 0) - a b + log(1 + e^-|a|) */
export const logistic_loss: Binary = binary(
  "larger(a, 0.0) - a * b + logOnePlus(exponential(-abs(a)))",
);
export const logistic_loss_backward_a: BinaryBackward<"a" | "b"> = binaryBackward(
  ["a", "b"],
  "dy * (logistic(a) - b)",
);
export const logistic_loss_backward_b: BinaryBackward<"a"> = binaryBackward(["a"], "-dy * a");

function unary<Number extends string = never>(
  formula: string,
  ...numbers: Number[]
): Unary<Number> {
  return flat({ reads: ["x"], out: "out", numbers }, formula);
}

function unaryBackward<Number extends string = never>(
  formula: string,
  ...numbers: Number[]
): UnaryBackward<Number> {
  return flat({ reads: ["x", "dy"], out: "dx", numbers }, formula);
}

function binary<Number extends string = never>(
  formula: string,
  ...numbers: Number[]
): Binary<Number> {
  return spread({ reads: ["a", "b"], whole: [], out: "out", numbers }, formula);
}

function binaryBackward<Read extends "a" | "b", Number extends string = never>(
  names: readonly Read[],
  formula: string,
  ...numbers: Number[]
): BinaryBackward<Read, Number> {
  return spread({ reads: names, whole: ["dy"], out: "dx", numbers }, formula);
}
