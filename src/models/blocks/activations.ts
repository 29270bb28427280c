// Activations by the names that transformers gives them (ACT2FN). Names of one function computed in different ways are one.

import * as v from "valibot";
import { geluTanh, relu, silu, tanh } from "../../ops/activation.ts";
import { gelu } from "../../ops/gelu.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/** A function of every element. */
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

/** A setting that names an activation. */
export const activationName = v.picklist(
  Object.keys(activations) as (keyof typeof activations)[],
);

/** The activation of that name. */
export function activationCalled(name: keyof typeof activations): Activation {
  return activations[name];
}
