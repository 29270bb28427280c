// The input features of a layer that this rank holds.

import type { Range } from "../../distributed/layout.ts";
import type { PartOfRow } from "../dropout.ts";
import { LoraLinear } from "../lora/lora_linear.ts";
import type { Layer } from "../module.ts";
import { Linear1DRow } from "./linear_1d_row.ts";

/** This rank's input features of `layer` among those of all ranks; undefined if it has all of them. */
export function inputPartOf(layer: Layer): PartOfRow | undefined {
  if (layer instanceof LoraLinear) return inputPartOf(layer.base);
  if (!(layer instanceof Linear1DRow)) return undefined;
  const { layout } = layer.weight;
  const [split] = layout.splits;
  return { begin: layout.range(split.dim).begin, count: layout.globalShape[split.dim] };
}

/** The same as a range; undefined if it has all of them. */
export function inputRangeOf(layer: Layer): Range | undefined {
  if (layer instanceof LoraLinear) return inputRangeOf(layer.base);
  if (!(layer instanceof Linear1DRow)) return undefined;
  const { layout } = layer.weight;
  return layout.range(layout.splits[0].dim);
}
