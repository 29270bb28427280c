// Copies between storage types (storage_types.ts), from any element to any element.

import { storageTypes, storedWords } from "../storage_types.ts";
import { type Kernel, type ParamFormat, type ParamValues, reads, writes } from "./kernel.ts";
import { elementwise, specialized } from "./shaders.ts";

const params = {
  fromType: "storageType",
  toType: "storageType",
  // Offsets and length in elements, odd ones too.
  fromOffset: "u32",
  toOffset: "u32",
  length: "u32",
} as const satisfies Record<string, ParamFormat>;

/** A copy between storage types. */
export type Cast = Kernel<"x" | "out", keyof typeof params>;
type CastParams = ParamValues<keyof typeof params>;

/**
 * out[toOffset + i] = x[fromOffset + i] for i < length. To 16 bits: rounded to the nearest, ties to even, infinity beyond
 * the largest, NaN made quiet, subnormals kept; from 16 bits: exact. Between equal storage types bits are copied.
 */
export const cast: Cast = casting({ accumulates: 0 });

/** out[toOffset + i] += x[fromOffset + i] for i < length, summed in f32 and rounded as in cast */
export const accumulate_cast: Cast = casting({ accumulates: 1 });

function casting(constants: { readonly accumulates: number }): Cast {
  return {
    operands: { x: reads("u32", castFrom), out: writes("u32", castTo) },
    params,
    shader: specialized(elementwise("cast", wordsWritten), constants),
  };
}

function castFrom({ length, fromType, fromOffset }: CastParams): number {
  return length === 0 ? 0 : storedWords(fromType, fromOffset + length);
}

function castTo({ length, toType, toOffset }: CastParams): number {
  return length === 0 ? 0 : storedWords(toType, toOffset + length);
}

/** An invocation writes four whole words. */
function wordsWritten(params: CastParams): number {
  const { length, toType, toOffset } = params;
  const firstWord = toType === storageTypes.f32 ? toOffset : Math.floor(toOffset / 2);
  return length === 0 ? 0 : castTo(params) - firstWord;
}
