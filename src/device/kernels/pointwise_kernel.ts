// A pointwise kernel: each element of the result is a formula of one element of each operand. The formula is one text, from
// which the WGSL (webgpu/formula_text.ts) and the Rust (scripts/pointwise_rust.ts) follow.
//
//   "let s = logistic(x); dy * s * (1.0 + x * (1.0 - s))"
//
// `let`s, then the value; numbers have a point; names are the operands, the numbers and the functions of
// wgsl/fragments/pointwise_functions.wgsl and rust_kernels/src/ops/pointwise_functions.rs, which have the same ones.
//
// There are two kinds. In a flat one all operands have one length. In a spread one operands are broadcast as in NumPy: the
// result has DIMS dims (leading ones of length 1 where it has fewer), and `aDims` has bit d set if `a` has dim d; along the
// others every index sees the same elements of it. Dims that no operand lacks alone are given as one, so two operands of one
// shape have one dim.

import {
  type Kernel,
  type Operand,
  type ParamFormat,
  type ParamValues,
  reads,
  writes,
} from "./kernel.ts";

/** A pointwise kernel whose operands have one length; `Number`s are parameters of the formula. */
export type Flat<Read extends string, Out extends string, Number extends string = never> = Kernel<
  Read | Out,
  "length" | Number
>;

/** A pointwise kernel that broadcasts the operands `Read`; `Whole` ones, and `Out`, have all dims. */
export type Spread<
  Read extends string,
  Whole extends string,
  Out extends string,
  Number extends string = never,
> = Kernel<Read | Whole | Out, Dim | `${Read}Dims` | Number>;

/** Lengths of the dims of a spread kernel's result. */
export type Dim = "dim0" | "dim1" | "dim2" | "dim3" | "dim4" | "dim5";

/** Dims of a spread kernel. */
export const DIMS = 6;

/** The mask of an operand that has all dims. */
export const ALL_DIMS: number = 2 ** DIMS - 1;

/** What a formula reads and writes. */
interface FlatOperands<Read extends string, Out extends string, Number extends string> {
  readonly reads: readonly Read[];
  readonly out: Out;
  readonly numbers?: readonly Number[];
}

/** The same with broadcasting. */
interface SpreadOperands<
  Read extends string,
  Whole extends string,
  Out extends string,
  Number extends string,
> extends FlatOperands<Read, Out, Number> {
  readonly whole: readonly Whole[];
}

/** out[i] = formula of the reads at i. */
export function flat<Read extends string, Out extends string, Number extends string = never>(
  { reads: names, out, numbers = [] }: FlatOperands<Read, Out, Number>,
  formula: string,
): Flat<Read, Out, Number> {
  type Param = "length" | Number;
  const length = (params: ParamValues<Param>) => params.length;
  return made<Read | Out, Param>({
    operands: [
      ...names.map((name) => [name, reads("f32", length)] as const),
      [out, writes("f32", length)],
    ],
    params: [["length", "u32"], ...numbers.map((name) => [name, "f32"] as const)],
    formula,
    length,
  });
}

/** out[i] = formula of the reads at the places that i has in them. */
export function spread<
  Read extends string,
  Whole extends string,
  Out extends string,
  Number extends string = never,
>(
  { reads: names, whole, out, numbers = [] }: SpreadOperands<Read, Whole, Out, Number>,
  formula: string,
): Spread<Read, Whole, Out, Number> {
  type Param = Dim | `${Read}Dims` | Number;
  const length = (params: ParamValues<Param>) => elements(params, ALL_DIMS);
  const lengthOf = (name: Read) => (params: ParamValues<Param>) =>
    // Nothing is read if the result has no element.
    length(params) === 0 ? 0 : elements(params, params[`${name}Dims`]);
  return {
    ...made<Read | Whole | Out, Param>({
      operands: [
        ...names.map((name) => [name, reads("f32", lengthOf(name))] as const),
        ...whole.map((name) => [name, reads("f32", length)] as const),
        [out, writes("f32", length)],
      ],
      params: [
        ...dimNames.map((dim) => [dim, "u32"] as const),
        ...names.map((name) => [`${name}Dims`, "u32"] as const),
        ...numbers.map((name) => [name, "f32"] as const),
      ],
      formula,
      length,
      rank: (params) => DIMS - leading(params),
    }),
    rules: names.map((name) => (params) =>
      params[`${name}Dims`] <= ALL_DIMS
        ? undefined
        : `${name}Dims has a bit for each of ${DIMS} dims, got ${params[`${name}Dims`]}`
    ),
  };
}

function made<OperandName extends string, Param extends string>(
  { operands, params, formula, length, rank }: {
    readonly operands: readonly (readonly [OperandName, Operand<Param>])[];
    readonly params: readonly (readonly [Param, ParamFormat])[];
    readonly formula: string;
    readonly length: (params: ParamValues<Param>) => number;
    readonly rank?: (params: ParamValues<Param>) => number;
  },
): Kernel<OperandName, Param> {
  const workgroups = (params: ParamValues<Param>) => Math.ceil(length(params) / 1024);
  return {
    operands: Object.fromEntries(operands) as Kernel<OperandName, Param>["operands"],
    params: Object.fromEntries(params) as Kernel<OperandName, Param>["params"],
    formula,
    shader: {
      stages: [{ source: "pointwise", entryPoint: "main", workgroups }],
      ...(rank === undefined ? {} : { constants: (params) => ({ rank: rank(params) }) }),
    },
  };
}

/** How many elements an operand with the dims of `mask` has. */
function elements(params: ParamValues<Dim>, mask: number): number {
  const { dim0, dim1, dim2, dim3, dim4, dim5 } = params;
  if (mask === ALL_DIMS) return dim0 * dim1 * dim2 * dim3 * dim4 * dim5;
  return dimNames.reduce((n, dim, d) => (mask >> d) & 1 ? n * params[dim] : n, 1);
}

/** How many dims before the first that is not 1 long. */
function leading(params: ParamValues<Dim>): number {
  const at = dimNames.findIndex((dim) => params[dim] !== 1);
  return at === -1 ? DIMS : at;
}

/** Names of the dims, outermost first. */
export const dimNames: readonly Dim[] = ["dim0", "dim1", "dim2", "dim3", "dim4", "dim5"];
