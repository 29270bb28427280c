// The norms that descriptions ask for.

import type { LayerMaker } from "../../nn/layer_maker.ts";
import type { Layer } from "../../nn/module.ts";
import type { HeadNormDescription, NormDescription } from "./block_description.ts";

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

/** A norm of queries or keys, to be assigned to the field `name`. */
export function makeHeadNorm(make: LayerMaker, { name, heads, headWidth, norm }: {
  readonly name: string;
  readonly heads: number;
  readonly headWidth: number;
  readonly norm: HeadNormDescription;
}): Layer {
  if (norm.heads === "apart") {
    return make.perHeadNorm(name, { heads, features: headWidth, eps: norm.eps });
  }
  const width = norm.heads === "together" ? heads * headWidth : headWidth;
  return makeNorm(make, { name, width, norm });
}
