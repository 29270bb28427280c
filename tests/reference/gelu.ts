// gelu(x) = x Phi(x), its derivative Phi(x) + x phi(x); Phi(x) = (1 + erf(x / sqrt 2)) / 2.

import type { Reference } from "./reference.ts";

export const gelu: Reference<"gelu"> = ({ x, out }, { length }) => {
  for (let i = 0; i < length; i++) out[i] = x[i]! * normalCdf(x[i]!);
};

export const geluBackward: Reference<"gelu_backward"> = ({ x, dy, dx }, { length }) => {
  for (let i = 0; i < length; i++) {
    const density = Math.exp(-x[i]! * x[i]! / 2) / Math.sqrt(2 * Math.PI);
    dx[i] = dy[i]! * (normalCdf(x[i]!) + x[i]! * density);
  }
};

function normalCdf(x: number): number {
  return (1 + erf(x / Math.SQRT2)) / 2;
}

// erf(x) = 2 / sqrt(pi) e^(-x^2) sum_n 2^n x^(2n+1) / (1 3 5 ... (2n+1)): all terms have one sign, so none cancel.
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}
