// The Rust of pointwise kernels: for each an invocation of a macro of rust_kernels/src/ops/pointwise.rs, with the formula of its entry
// in src/device/kernels/pointwise.ts. `deno task wgsl` writes it.
//
//   flat! { clamp(x) -> out, [low, high] { smaller(larger(x, low), high) } }
//   spread! { div_backward_a(b: b_dims; dy) -> dx, [] { dy / b } }

import type { Kernel } from "../src/device/kernels/kernel.ts";
import { kernels } from "../src/device/kernels/registry.ts";

/** The text of rust_kernels/src/ops/pointwise_formulas.rs. */
export function pointwiseRust(): string {
  const entries: [string, Kernel<string, string>][] = Object.entries(kernels);
  const invocations = entries
    .filter(([, { formula }]) => formula !== undefined)
    .map(([name, kernel]) => `${invocation(name, kernel)}\n`)
    .sort();
  return "//! Generated from src/device/kernels/pointwise.ts by `deno task wgsl`: do not edit.\n\n" +
    "use crate::operands::*;\n" +
    "use crate::ops::pointwise::{flat, spread};\n" +
    "use crate::ops::pointwise_functions::*;\n\n" +
    invocations.join("");
}

function invocation(name: string, { operands, params, formula }: Kernel<string, string>): string {
  const read = Object.keys(operands).filter((each) => operands[each]!.access === "read");
  const out = Object.keys(operands).find((each) => operands[each]!.access === "write")!;
  const numbers = Object.keys(params).filter((each) => params[each] === "f32");
  const rest = `-> ${out}, [${numbers.join(", ")}] { ${rustOf(formula!)} }`;
  if ("length" in params) return `flat! { ${name}(${read.join(", ")}) ${rest} }`;
  const broadcast = read.filter((each) => `${each}Dims` in params);
  const whole = read.filter((each) => !broadcast.includes(each));
  const masks = broadcast.map((each) => `${each}: ${each}_dims`).join(", ");
  return `spread! { ${name}(${[masks, ...whole].join("; ")}) ${rest} }`;
}

/** Functions in snake case, and numbers in all lanes. */
function rustOf(formula: string): string {
  return formula
    .replaceAll(/\b\d+\.\d+\b/g, (number) => `splat(${number})`)
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
