// The norm that a description asks for.

import type { LayerMaker } from "../../nn/layer_maker.ts";
import type { Layer } from "../../nn/module.ts";
import type { NormDescription } from "./block_description.ts";

/** A norm of `width` features, to be assigned to the field `name`. */
export function makeNorm(make: LayerMaker, { name, width, norm }: {
  readonly name: string;
  readonly width: number;
  readonly norm: NormDescription;
}): Layer {
  const { kind, eps, bias, offset } = norm;
  const layer = { features: width, eps };
  return kind === "layer"
    ? make.layerNorm(name, { ...layer, bias })
    : make.rmsNorm(name, { ...layer, offset });
}
