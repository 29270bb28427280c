// The WGSL of a pointwise kernel, around its formula (kernels/pointwise_kernel.ts): how many elements it computes, which
// element of each operand belongs to one of the result, and the formula as a function of those.

import type { Kernel } from "../kernels/kernel.ts";
import { dimNames } from "../kernels/pointwise_kernel.ts";

/** Lines that declare `count()` and `setAt(i)`, which wgsl/pointwise.wgsl calls. */
export function formulaText(
  { operands, params, formula }: Pick<Kernel<string, string>, "operands" | "params" | "formula">,
): string {
  if (formula === undefined) {
    throw new TypeError("A kernel with the source pointwise wants a formula");
  }
  const read = Object.keys(operands).filter((name) => operands[name]!.access === "read");
  const out = Object.keys(operands).find((name) => operands[name]!.access === "write")!;
  const numbers = Object.keys(params).filter((name) => params[name] === "f32");
  const isSpread = "dim0" in params;
  const places = read.map((name) =>
    `${name}[${`${name}Dims` in params ? `placeOf(i, params.${name}Dims)` : "i"}]`
  );
  const { lets, value } = partsOf(formula);
  return [
    "// include: pointwise_functions",
    ...(isSpread ? ["// include: pointwise_places"] : []),
    "fn count() -> u32 {",
    `  return ${isSpread ? dimNames.map((dim) => `params.${dim}`).join(" * ") : "params.length"};`,
    "}",
    `fn formula(${[...read, ...numbers].map((name) => `${name}: f32`).join(", ")}) -> f32 {`,
    ...lets.map((each) => `  ${each};`),
    `  return ${value};`,
    "}",
    "fn setAt(i: u32) {",
    `  ${out}[i] = formula(${[...places, ...numbers.map((name) => `params.${name}`)].join(", ")});`,
    "}",
  ].join("\n");
}

/** The statements of a formula. */
export function partsOf(formula: string): { readonly lets: string[]; readonly value: string } {
  const statements = formula.split("; ");
  return { lets: statements.slice(0, -1), value: statements.at(-1)! };
}
