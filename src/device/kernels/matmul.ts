// Matrix products, batched, with a bias and accumulation.

import {
  type Kernel,
  type ParamFormat,
  type ParamValues,
  reads,
  type Shader,
  writes,
} from "./kernel.ts";

const params = {
  // The first elements of a, b and out that are used.
  aFrom: "u32",
  bFrom: "u32",
  outFrom: "u32",
  // So many matrices one after the other in a, b and out, each with the same bias.
  batch: "u32",
  m: "u32",
  n: "u32",
  k: "u32",
  // Of each of them only rows rowBegin <= row < rowEnd of `out` are computed.
  rowBegin: "u32",
  rowEnd: "u32",
  // n, or 0 for none (bind `device.empty`).
  biasLength: "u32",
  // 1: out += result, 0: out = result.
  accumulate: "flag",
} as const satisfies Record<string, ParamFormat>;

/** A matrix product. */
export type Matmul = Kernel<"a" | "b" | "bias" | "out", keyof typeof params>;
type MatmulParams = ParamValues<keyof typeof params>;

/** out[m, n] = a[m, k] b[k, n] + bias[n] */
export const matmul_nn: Matmul = matmul({ aAlongK: 1, bAlongK: 0 });

/** out[m, n] = a[m, k] b[n, k]^T + bias[n] */
export const matmul_nt: Matmul = matmul({ aAlongK: 1, bAlongK: 1 });

/** out[m, n] = a[k, m]^T b[k, n] + bias[n] */
export const matmul_tn: Matmul = matmul({ aAlongK: 0, bAlongK: 0 });

function matmul(layout: { readonly aAlongK: number; readonly bAlongK: number }): Matmul {
  const shader = (source: string, workgroups: (params: MatmulParams) => number) =>
    ({
      constants: () => layout,
      stages: [{ source, entryPoint: "main", workgroups }],
    }) satisfies Shader<never, keyof typeof params>;
  return {
    operands: {
      a: reads("f32", ({ aFrom, batch, m, k }) => aFrom + batch * m * k),
      b: reads("f32", ({ bFrom, batch, k, n }) => bFrom + batch * k * n),
      bias: reads("f32", ({ biasLength }) => biasLength),
      out: writes("f32", ({ outFrom, batch, m, n }) => outFrom + batch * m * n),
    },
    params,
    rules: [
      ({ biasLength, n }) =>
        biasLength === 0 || biasLength === n
          ? undefined
          : `biasLength must be 0 or n = ${n}, got ${biasLength}`,
      ({ rowBegin, rowEnd, m }) =>
        rowBegin <= rowEnd && rowEnd <= m
          ? undefined
          : `rows must satisfy 0 <= rowBegin <= rowEnd <= m, got ${rowBegin}, ${rowEnd}, m = ${m}`,
    ],
    // Tiles of 64 x 64.
    shader: shader(
      "matmul",
      ({ batch, n, rowBegin, rowEnd }) =>
        batch * Math.ceil((rowEnd - rowBegin) / 64) * Math.ceil(n / 64),
    ),
    // 64 blocks of 8 x 4 per workgroup.
    softwareShader: shader(
      "matmul_direct",
      ({ batch, n, rowBegin, rowEnd }) =>
        Math.ceil(batch * Math.ceil((rowEnd - rowBegin) / 8) * Math.ceil(n / 4) / 64),
    ),
  };
}
