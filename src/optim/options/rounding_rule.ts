// The 16-bit parameters that can be rounded stochastically: those that kernels step in place (optim/plan/block_operands.ts). On
// every rank each row must be a whole number of words, with no pads between rows:
//
//   one row         a vector, or a parameter that is not factored: of any length
//   several rows    every rank's columns must be an even number
//
// The rule considers the whole parameter and the shards of all ranks, so that all ranks refuse it alike, before any step. It
// does not depend on how rows are cut: a parameter that one mesh accepts is accepted by a mesh that cuts rows otherwise.

import type { Layout, ShardingGroup } from "../../distributed/layout.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { shardsOf } from "../factoring/block_parts.ts";
import type { Factoring } from "../factoring/dim_roles.ts";
import { type FactoredView, factoredView } from "../factoring/factored_view.ts";
import type { SharedHyperparameters } from "./shared_options.ts";

/** Whether every rank can round its block stochastically; `view` may be that of any rank. */
export function isRoundable<Group extends ShardingGroup>(
  { globalShape, paddedShape }: Pick<Layout<Group>, "globalShape" | "paddedShape">,
  { order, dims, globalCols, globalCount }: FactoredView<Group>,
): boolean {
  const isPaddedWithin = globalShape.some((length, dim) => dim > 0 && paddedShape[dim] > length);
  if (order !== "batch row col" || isPaddedWithin) return false;
  if (globalCount <= globalCols) return true;
  return dims.some((dim) =>
    dim.role === "col" && shardsOf(dim).every(({ begin, end }) => (end - begin) % 2 === 0)
  );
}

/** The placement and factoring of parameters. */
export interface RoundingPlaces<Group extends ShardingGroup> {
  readonly layoutOf: (parameter: Parameter) => Layout<Group>;
  readonly factoringOf: (parameter: Parameter) => Factoring;
}

/** @throws {TypeError} if a 16-bit parameter with stochastic rounding cannot be rounded so on some rank */
export function requireRoundable<Group extends ShardingGroup>(
  hyper: ReadonlyMap<Parameter, SharedHyperparameters>,
  { layoutOf, factoringOf }: RoundingPlaces<Group>,
): void {
  for (const [parameter, { rounding }] of hyper) {
    if (rounding === "nearest" || parameter.dtype === "f32") continue;
    const layout = layoutOf(parameter);
    const view = factoredView(layout, { factoring: factoringOf(parameter) });
    if (isRoundable(layout, view)) continue;
    throw new TypeError(
      `Cannot round ${parameter.name} of shape [${layout.globalShape}] stochastically, as on some rank its rows of ` +
        `${parameter.dtype} do not keep to whole words: give every rank an even number of columns without pads ` +
        "between them, or use masterWeights",
    );
  }
}
