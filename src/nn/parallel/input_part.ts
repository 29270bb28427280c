// Which of a layer's input features this rank holds: all of a whole layer's, its own of one that is split by them.

import type { PartOfRow } from "../dropout.ts";
import type { Layer } from "../module.ts";
import { Linear1DRow } from "./linear_1d_row.ts";

/** Where the input features that `layer` takes lie among those of all ranks; undefined where they are all. */
export function inputPartOf(layer: Layer): PartOfRow | undefined {
  if (!(layer instanceof Linear1DRow)) return undefined;
  const { layout } = layer.weight;
  const [split] = layout.splits;
  return { begin: layout.range(split.dim).begin, count: layout.globalShape[split.dim] };
}
