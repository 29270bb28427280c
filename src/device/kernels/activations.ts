// Activations and their gradients, elementwise. s(z) = 1 / (1 + e^-z) is the logistic function.

import { type Kernel, reads, writes } from "./kernel.ts";
import { elementwise, specialized } from "./shaders.ts";

/** out = f(x) */
export type Activation = Kernel<"x" | "out", "length">;

/** dx = dy f'(x) */
export type ActivationBackward = Kernel<"x" | "dy" | "dx", "length">;

/** out = x Phi(x), Phi the normal distribution function (exact GELU) */
export const gelu: Activation = forward("gelu");

/** dx = dy (Phi(x) + x phi(x)) */
export const gelu_backward: ActivationBackward = backward("gelu_backward");

/** out = max(x, 0) */
export const relu: Activation = forward("activation", 0);

/** dx = dy where x > 0 */
export const relu_backward: ActivationBackward = backward("activation_backward", 0);

/** out = x s(x) */
export const silu: Activation = forward("activation", 1);

/** dx = dy s (1 + x (1 - s)) */
export const silu_backward: ActivationBackward = backward("activation_backward", 1);

/** out = x s(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3) (GELU by tanh) */
export const gelu_tanh: Activation = forward("activation", 2);

/** dx = dy (s + x s (1 - s) dz/dx) */
export const gelu_tanh_backward: ActivationBackward = backward("activation_backward", 2);

/** out = tanh x */
export const hyperbolic_tangent: Activation = forward("activation", 3);

/** dx = dy (1 - tanh^2 x) */
export const hyperbolic_tangent_backward: ActivationBackward = backward("activation_backward", 3);

/** `which`: the function's number in wgsl/activation.wgsl, where the source is that. */
function forward(source: string, which?: number): Activation {
  const shader = elementwise(source, lengthOf);
  return {
    operands: { x: reads("f32", lengthOf), out: writes("f32", lengthOf) },
    params: { length: "u32" },
    shader: which === undefined ? shader : specialized(shader, { which }),
  };
}

function backward(source: string, which?: number): ActivationBackward {
  const shader = elementwise(source, lengthOf);
  return {
    operands: {
      x: reads("f32", lengthOf),
      dy: reads("f32", lengthOf),
      dx: writes("f32", lengthOf),
    },
    params: { length: "u32" },
    shader: which === undefined ? shader : specialized(shader, { which }),
  };
}

function lengthOf({ length }: { readonly length: number }): number {
  return length;
}
