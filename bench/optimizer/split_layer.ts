// A linear layer's weight and bias, whole or split over ranks, and the optimizer that steps them.

import { type Device, DistributedAdaFactor, Layout, type ProcessGroup } from "../../mod.ts";
import type { Dtype } from "./options.ts";
import { randomParameter } from "./workload.ts";

/** The split of the layer: none, on rank 0 alone; column parallel; row parallel. */
export const CUTS = ["base", "column", "row"] as const;
/** A way to cut it. */
export type Cut = typeof CUTS[number];

/** What to make. */
export interface SplitLayerOptions {
  readonly cut: Cut;
  /** Rows and columns of the weight. */
  readonly side: number;
  readonly dtype: Dtype;
  /** The ranks that the layer is split over. */
  readonly group: ProcessGroup;
  /** Frees parameters and optimizer. */
  readonly scope: DisposableStack;
}

/** A weight with its bias, cut in the given way, and their optimizer. */
export function splitLayerOptimizer(
  device: Device,
  { cut, side, dtype, group, scope }: SplitLayerOptions,
): DistributedAdaFactor {
  // Columns of the layer are rows of [out, in].
  const dim = { base: undefined, column: 0, row: 1 }[cut];
  const layouts = [
    new Layout([side, side], dim === undefined ? [] : [{ dim, group }]),
    // A row-parallel layer's bias is whole on every rank.
    new Layout([side], dim === 0 ? [{ dim, group }] : []),
  ];
  const parameters = layouts.map((layout, index) => {
    const part = layout.splits.length > 0 ? group.rank : 0;
    return scope.use(randomParameter(device, { layout, dtype, index, part }));
  });
  const optimizer = scope.use(new DistributedAdaFactor(parameters));
  optimizer.setupDistributed({ tensorParallelGroup: cut === "base" ? undefined : group });
  return optimizer;
}
