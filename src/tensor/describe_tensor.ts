// What console.log shows of a tensor: `Tensor f32 [2, 3] on wasm: 1, 2, 3, 4, 5, 6`.

import { formatShape } from "./shape.ts";

/** Most values that are shown. */
export const NUM_SHOWN = 6;

/** A line about a tensor and its first values, if they are known. */
export function describeTensor(
  tensor: {
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly device: { readonly kind: string };
    readonly requiresGrad: boolean;
  },
  values: ArrayLike<number> | "released" | undefined,
): string {
  const { dtype, shape, device: { kind } } = tensor;
  const name = "layout" in tensor ? `Parameter "${(tensor as { name?: string }).name}"` : "Tensor";
  const line = `${name} ${dtype} ${formatShape(shape)} on ${kind}`;
  if (values === "released") return `${line} (released)`;
  const gradient = tensor.requiresGrad && name === "Tensor" ? ", requires a gradient" : "";
  if (values === undefined) return `${line}${gradient}`;
  const shown = Array.from(values).slice(0, NUM_SHOWN).map((value) => `${+value.toPrecision(6)}`);
  if (values.length > NUM_SHOWN) shown.push("...");
  return `${line}${gradient}: ${shown.length === 0 ? "empty" : shown.join(", ")}`;
}
