// out[i, j] (+)= sum_p A[i, p] B[p, j] + bias[j] for rowBegin <= i < rowEnd; the three differ in how A and B are stored.

import type { KernelParams } from "../../src/device/kernels.ts";
import type { Reference, Values } from "./reference.ts";

export const matmulNn: Reference<"matmul_nn"> = (operands, params) =>
  matmul(operands, params, {
    a: (i, p) => operands.a[i * params.k + p]!,
    b: (p, j) => operands.b[p * params.n + j]!,
  });

export const matmulNt: Reference<"matmul_nt"> = (operands, params) =>
  matmul(operands, params, {
    a: (i, p) => operands.a[i * params.k + p]!,
    b: (p, j) => operands.b[j * params.k + p]!,
  });

export const matmulTn: Reference<"matmul_tn"> = (operands, params) =>
  matmul(operands, params, {
    a: (i, p) => operands.a[p * params.m + i]!,
    b: (p, j) => operands.b[p * params.n + j]!,
  });

function matmul(
  { bias, out }: Values<"matmul_nn">,
  { n, k, rowBegin, rowEnd, biasLength, accumulate }: KernelParams<"matmul_nn">,
  element: { a: (i: number, p: number) => number; b: (p: number, j: number) => number },
): void {
  for (let i = rowBegin; i < rowEnd; i++) {
    for (let j = 0; j < n; j++) {
      let sum = biasLength === 0 ? 0 : bias[j]!;
      for (let p = 0; p < k; p++) sum += element.a(i, p) * element.b(p, j);
      out[i * n + j] = (accumulate ? out[i * n + j]! : 0) + sum;
    }
  }
}
