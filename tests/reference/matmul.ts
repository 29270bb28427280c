// out[i, j] (+)= sum_p A[i, p] B[p, j] + bias[j] for rowBegin <= i < rowEnd of each of a batch; the three differ in how A and B are stored.

import type { KernelParams } from "../../src/device/kernels/registry.ts";
import type { Reference, Values } from "./reference.ts";

export const matmulNn: Reference<"matmul_nn"> = (operands, params) =>
  matmul(operands, params, {
    a: (i, p) => i * params.k + p,
    b: (p, j) => p * params.n + j,
  });

export const matmulNt: Reference<"matmul_nt"> = (operands, params) =>
  matmul(operands, params, {
    a: (i, p) => i * params.k + p,
    b: (p, j) => j * params.k + p,
  });

export const matmulTn: Reference<"matmul_tn"> = (operands, params) =>
  matmul(operands, params, {
    a: (i, p) => p * params.m + i,
    b: (p, j) => p * params.n + j,
  });

function matmul(
  { a, b, bias, out }: Values<"matmul_nn">,
  { aFrom, bFrom, outFrom, batch, m, n, k, rowBegin, rowEnd, biasLength, accumulate }: KernelParams<
    "matmul_nn"
  >,
  at: { a: (i: number, p: number) => number; b: (p: number, j: number) => number },
): void {
  for (let z = 0; z < batch; z++) {
    for (let i = rowBegin; i < rowEnd; i++) {
      for (let j = 0; j < n; j++) {
        let sum = biasLength === 0 ? 0 : bias[j]!;
        for (let p = 0; p < k; p++) {
          sum += a[aFrom + z * m * k + at.a(i, p)]! * b[bFrom + z * k * n + at.b(p, j)]!;
        }
        const to = outFrom + z * m * n + i * n + j;
        out[to] = (accumulate ? out[to]! : 0) + sum;
      }
    }
  }
}
