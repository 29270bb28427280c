// Activations by the names of transformers (ACT2FN). Different implementations of one function are one activation here.

import * as v from "valibot";
import { geluTanh, relu, silu, tanh } from "../../ops/activation.ts";
import { gelu } from "../../ops/gelu.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/**
 * A function of every element.
 *
 * @category Models
 */
export type Activation = (x: FloatTensor) => Tensor;

const activations = {
  gelu,
  gelu_python: gelu,
  gelu_new: geluTanh,
  gelu_fast: geluTanh,
  gelu_accurate: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_python_tanh: geluTanh,
  relu,
  silu,
  swish: silu,
  tanh,
} as const satisfies Readonly<Record<string, Activation>>;

/** The schema of a setting that names an activation. */
export const activationName = v.picklist(
  Object.keys(activations) as (keyof typeof activations)[],
);

/** The activation with that name. */
export function activationCalled(name: keyof typeof activations): Activation {
  return activations[name];
}
