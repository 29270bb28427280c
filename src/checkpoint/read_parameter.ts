// A parameter's values from a safetensors file, in whatever type it has them.

import type { FloatType } from "../tensor/dtype.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { SafetensorsFile } from "./safetensors_file.ts";
import type { SafetensorsDtype } from "./safetensors_header.ts";
import { writeWhole } from "./whole_bytes.ts";

/** A parameter, and its name in a file. */
export interface NamedParameter {
  readonly name: string;
  readonly parameter: Parameter;
}

/** What is wrong with the tensor in the file, if anything is; no value is read. */
export function problemWith(
  file: SafetensorsFile,
  { name, parameter }: NamedParameter,
): string | undefined {
  const entry = file.tensors.get(name);
  if (entry === undefined) return `it lacks ${name}`;
  const { wholeShape } = parameter.layout;
  if (!sameShape(entry.shape, wholeShape)) {
    return `${name} has the shape ${formatShape(entry.shape)}, the model's ${
      formatShape(wholeShape)
    }`;
  }
  return FLOAT_TYPES[entry.dtype] === undefined
    ? `${name} is stored as ${entry.dtype}: parameters are F32, F16 or BF16`
    : undefined;
}

/** Overwrites this rank's values with those in the file, rounded to the type that the parameter is stored in. */
export async function readParameter(
  file: SafetensorsFile,
  { name, parameter }: NamedParameter,
): Promise<void> {
  const bytes = await file.read(name);
  const dtype = FLOAT_TYPES[file.tensors.get(name)!.dtype]!;
  if (dtype === parameter.dtype) return writeWhole(parameter, bytes);
  const shape = parameter.layout.wholeShape;
  using stored = Tensor.fromBytes(parameter.device, bytes, { shape, dtype });
  using rounded = stored.copyAs(parameter.dtype);
  writeWhole(parameter, await rounded.bytes());
}

const FLOAT_TYPES: Readonly<Partial<Record<SafetensorsDtype, FloatType>>> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
};
