// Activations and their derivatives, as the comments in src/device/kernels/ define them.

import type { Reference } from "./reference.ts";

export const relu: Reference<"relu"> = ({ x, out }, { length }) => {
  for (let i = 0; i < length; i++) out[i] = Math.max(x[i]!, 0);
};

export const reluBackward: Reference<"relu_backward"> = ({ x, dy, dx }, { length }) => {
  for (let i = 0; i < length; i++) dx[i] = x[i]! > 0 ? dy[i]! : 0;
};

export const silu: Reference<"silu"> = ({ x, out }, { length }) => {
  for (let i = 0; i < length; i++) out[i] = x[i]! * logistic(x[i]!);
};

export const siluBackward: Reference<"silu_backward"> = ({ x, dy, dx }, { length }) => {
  for (let i = 0; i < length; i++) {
    const s = logistic(x[i]!);
    dx[i] = dy[i]! * s * (1 + x[i]! * (1 - s));
  }
};

export const geluTanh: Reference<"gelu_tanh"> = ({ x, out }, { length }) => {
  for (let i = 0; i < length; i++) {
    out[i] = 0.5 * x[i]! * (1 + Math.tanh(ROOT * (x[i]! + CUBIC * x[i]! ** 3)));
  }
};

export const geluTanhBackward: Reference<"gelu_tanh_backward"> = ({ x, dy, dx }, { length }) => {
  for (let i = 0; i < length; i++) {
    const t = Math.tanh(ROOT * (x[i]! + CUBIC * x[i]! ** 3));
    const inner = ROOT * (1 + 3 * CUBIC * x[i]! ** 2);
    dx[i] = dy[i]! * (0.5 * (1 + t) + 0.5 * x[i]! * (1 - t * t) * inner);
  }
};

export const hyperbolicTangent: Reference<"hyperbolic_tangent"> = ({ x, out }, { length }) => {
  for (let i = 0; i < length; i++) out[i] = Math.tanh(x[i]!);
};

export const hyperbolicTangentBackward: Reference<"hyperbolic_tangent_backward"> = (
  { x, dy, dx },
  { length },
) => {
  for (let i = 0; i < length; i++) dx[i] = dy[i]! * (1 - Math.tanh(x[i]!) ** 2);
};

function logistic(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

const ROOT = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;
