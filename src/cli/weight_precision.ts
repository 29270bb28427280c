// How 16-bit weights are updated. Rounded to the nearest, most updates at fine-tuning rates are lost: unless flags say otherwise, f32
// copies are updated.

import type { FloatType } from "../tensor/dtype.ts";
import type { Parameter } from "../tensor/parameter.ts";

/** The flags; undefined where they were not given. */
export interface PrecisionFlags {
  readonly masterWeights?: boolean | undefined;
  readonly rounding?: "nearest" | "stochastic" | undefined;
}

/** How weights are stored and updated. */
export interface WeightPrecision {
  /** Every type that some weight is stored in. */
  readonly dtypes: readonly FloatType[];
  readonly masterWeights: boolean;
  readonly rounding: "nearest" | "stochastic";
  /** Whether there are master weights by default. */
  readonly isDefault: boolean;
}

/** The precision of these parameters. @throws {TypeError} if a flag is for 16-bit weights and there are none */
export function weightPrecision(
  parameters: readonly Pick<Parameter, "dtype">[],
  { masterWeights, rounding = "nearest" }: PrecisionFlags,
): WeightPrecision {
  const dtypes = [...new Set(parameters.map(({ dtype }) => dtype))];
  if (dtypes.every((dtype) => dtype === "f32")) {
    const conflict = precisionConflict({ dtype: "f32", masterWeights, rounding });
    if (conflict !== undefined) throw new TypeError(conflict);
    return { dtypes, masterWeights: false, rounding, isDefault: false };
  }
  const isDefault = masterWeights === undefined && rounding === "nearest";
  return { dtypes, masterWeights: masterWeights ?? isDefault, rounding, isDefault };
}

/** The error for flags that are valid on their own but not together, if weights are stored so; undefined if there is none. */
export function precisionConflict(
  { dtype, masterWeights, rounding }: PrecisionFlags & { readonly dtype: FloatType | undefined },
): string | undefined {
  if (masterWeights === true && rounding === "stochastic") {
    return "--master-weights need no stochastic rounding: leave one of them out";
  }
  if (dtype !== "f32" || (masterWeights !== true && rounding !== "stochastic")) return undefined;
  const flag = masterWeights === true ? "--master-weights" : "--rounding stochastic";
  return `${flag} is for 16-bit weights: give --dtype bf16 or f16 with it`;
}

/** For people: "weights in bf16 with f32 master weights". */
export function describePrecision(
  { dtypes, masterWeights, rounding, isDefault }: WeightPrecision,
): string {
  const stored = `weights in ${dtypes.join(" and ")}`;
  if (dtypes.every((dtype) => dtype === "f32")) return stored;
  if (!masterWeights) return `${stored}, updates rounded ${ROUNDED[rounding]}`;
  const why = isDefault
    ? " (default for 16-bit weights; --rounding stochastic needs less memory, --dtype f32 saves f32)"
    : "";
  return `${stored} with f32 master weights${why}`;
}

const ROUNDED = { nearest: "to the nearest", stochastic: "stochastically" };
