// Cross-entropy of rows of logits and its gradient, with all classes on one rank or split over ranks.

import { type Kernel, reads, writes } from "./kernel.ts";
import { type Rows, rowwise } from "./shaders.ts";

/**
 * losses[r] = logsumexp(logits[r, :]) - logits[r, targets[r]];  dlogits = gradScale (softmax(logits) - onehot);
 * both 0 in rows whose target is `ignored`
 */
export const softmax_cross_entropy: Kernel<
  "logits" | "targets" | "losses" | "dlogits",
  "rows" | "cols" | "gradScale" | "ignored"
> = {
  operands: {
    logits: reads("f32", elements),
    targets: reads("u32", ({ rows }) => rows),
    losses: writes("f32", ({ rows }) => rows),
    dlogits: writes("f32", elements),
  },
  params: { rows: "u32", cols: "u32", gradScale: "f32", ignored: "u32" },
  shader: rowwise("softmax_cross_entropy", (params) => params),
};

/**
 * First half, where the classes are split over ranks; this rank has the classes firstClass .. firstClass + numClasses as its
 * first columns, and pads behind them. statistics[rows, 3] = m, the largest of its logits; s, the sum of exps; and the
 * target's logit, 0 where the target is not among its classes.
 *   exps = exp(logits - m), 0 in pads
 */
export const split_softmax: Kernel<
  "logits" | "targets" | "exps" | "statistics",
  "rows" | "cols" | "firstClass" | "numClasses"
> = {
  operands: {
    logits: reads("f32", elements),
    targets: reads("u32", ({ rows }) => rows),
    exps: writes("f32", elements),
    statistics: writes("f32", ({ rows }) => 3 * rows),
  },
  params: { rows: "u32", cols: "u32", firstClass: "u32", numClasses: "u32" },
  rules: [classesFit],
  shader: rowwise("split_softmax", (params) => params),
};

/**
 * Second half, with statistics[ranks, rows, 3] of all ranks, M = the largest m, S = sum of s exp(m - M); dlogits holds exps
 * and is overwritten:
 *   losses = log S + M - the target's logit;  dlogits = gradScale (exps exp(m - M) / S - onehot)
 */
export const split_cross_entropy: Kernel<
  "statistics" | "targets" | "losses" | "dlogits",
  "rows" | "cols" | "firstClass" | "numClasses" | "rank" | "ranks" | "gradScale" | "ignored"
> = {
  operands: {
    statistics: reads("f32", ({ ranks, rows }) => 3 * ranks * rows),
    targets: reads("u32", ({ rows }) => rows),
    losses: writes("f32", ({ rows }) => rows),
    dlogits: writes("f32", elements),
  },
  params: {
    rows: "u32",
    cols: "u32",
    firstClass: "u32",
    numClasses: "u32",
    rank: "u32",
    ranks: "u32",
    gradScale: "f32",
    ignored: "u32",
  },
  rules: [
    classesFit,
    ({ rank, ranks }) =>
      rank < ranks ? undefined : `rank must be below ranks = ${ranks}, got ${rank}`,
  ],
  shader: rowwise("split_cross_entropy", (params) => params),
};

function elements({ rows, cols }: Rows): number {
  return rows * cols;
}

function classesFit(
  { numClasses, cols }: { readonly numClasses: number; readonly cols: number },
): string | undefined {
  if (numClasses <= cols) return undefined;
  return `numClasses must be at most cols = ${cols}, got ${numClasses}`;
}
