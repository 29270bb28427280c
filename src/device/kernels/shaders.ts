// Ways to spread a kernel over workgroups that several families share.

import type { ParamValues, Shader } from "./kernel.ts";

/** A matrix's size. */
export interface Rows {
  readonly rows: number;
  readonly cols: number;
}

/** Four elements per invocation, 1024 per workgroup. */
export function elementwise<Param extends string>(
  source: string,
  length: (params: ParamValues<Param>) => number,
): Shader<never, Param> {
  const workgroups = (params: ParamValues<Param>) => Math.ceil(length(params) / 1024);
  return { stages: [{ source, entryPoint: "main", workgroups }] };
}

/** The same, compiled for these values of `override` declarations. */
export function specialized<OperandName extends string, Param extends string>(
  shader: Shader<OperandName, Param>,
  constants: Readonly<Record<string, number>>,
): Shader<OperandName, Param> {
  return { ...shader, constants: () => constants };
}

/** A row per 32 invocations where rows are short, else per workgroup of 256. */
export function rowwise<Param extends string>(
  source: string,
  size: (params: ParamValues<Param>) => Rows,
): Shader<never, Param> {
  const lanes = (params: ParamValues<Param>) => size(params).cols <= 1024 ? 32 : 256;
  return {
    constants: (params) => ({ lanes: lanes(params) }),
    stages: [{
      source,
      entryPoint: "main",
      workgroups: (params) => Math.ceil(size(params).rows / (256 / lanes(params))),
    }],
  };
}

/** Sums down columns in two stages: over tiles of 32 x 256, then 8 columns per workgroup. */
export function downColumns(source: string): Shader<never, "rows" | "cols"> {
  return {
    stages: [
      {
        source,
        entryPoint: "tiles",
        workgroups: ({ rows, cols }) => Math.ceil(rows / 32) * Math.ceil(cols / 256),
      },
      { source, entryPoint: "finish", workgroups: ({ cols }) => Math.ceil(cols / 8) },
    ],
    scratch: { element: "f32", length: ({ rows, cols }) => Math.ceil(rows / 32) * cols },
  };
}
