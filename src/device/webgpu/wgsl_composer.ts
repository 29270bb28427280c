// A shader module's text: declarations from a kernel's entry, then a source of wgsl/ with its directives carried out.
//
//   // include: NAME                                       the text of wgsl/fragments/NAME.wgsl, once
//   // include: tensor_NAME for OPERAND                    the same with OPERAND for `tensor` and Operand for `Tensor`
//   // include: WHICH                                      the fragment that the kernel's entry names for WHICH
//   // include: FORMULA                                    the functions of a pointwise kernel (formula_text.ts)
//   for (var j = 0u; j < 4u; j++) { // unroll              four copies of the body, with 0u, 1u, 2u, 3u for j
//   for (var j = 0u; j < ROWS; j++) { // unroll            the same, with `const ROWS = 4u;` anywhere in the text
//
// Loops are unrolled here as naga guards every loop with a 64-bit counter, which costs an inner loop up to five times.
// `struct Params`, the bindings, and the structs of records come from the tables that the host writes them by, so shaders
// cannot disagree with it.

import { adamwFields, blockFields, numberFields, stepFields } from "../block_table.ts";
import type { Element, Kernel, Scratch } from "../kernels/kernel.ts";
import { formulaText } from "./formula_text.ts";
import { wgslFragments, wgslSources } from "./wgsl_sources.ts";

/** The inputs of a stage's text. */
export interface ComposedStage {
  /** The kernel whose operands and parameters are declared. */
  readonly kernel: Pick<Kernel<string, string>, "operands" | "params" | "formula">;
  readonly scratch?: Pick<Scratch<string>, "element"> | undefined;
  /** Stem of the file in wgsl/. */
  readonly source: string;
  /** Fragments by the names that the source leaves open. */
  readonly fragments?: Readonly<Record<string, string>> | undefined;
}

/** The text of one stage's shader module. */
export function composeShader({ kernel, scratch, source, fragments }: ComposedStage): string {
  const text = wgslSources[source];
  if (text === undefined) throw new ReferenceError(`There is no wgsl/${source}.wgsl`);
  const whole = text.replace(/^\/\/ include: FORMULA$/m, () => formulaText(kernel));
  const lines = [...declarations(kernel, scratch), ...expandText(whole, fragments)];
  return lines.join("\n") + "\n";
}

/** The lines of `text` with its directives carried out, and without blank lines. */
export function expandText(
  text: string,
  fragments: Readonly<Record<string, string>> = {},
): string[] {
  return unrollLoops(withIncludes(text, { fragments, included: new Set() }));
}

/** The parameters, the operands and the records that they hold, as WGSL. */
function declarations(
  { operands, params }: ComposedStage["kernel"],
  scratch: ComposedStage["scratch"],
): string[] {
  const buffers = Object.entries(operands).map(([name, { access, element }]) =>
    [name, access, element] as const
  );
  if (scratch !== undefined) buffers.push(["scratch", "write", scratch.element]);
  const bindings = buffers.map(([name, access, element], index) =>
    `@group(0) @binding(${index + 1}) var<storage, ${
      access === "read" ? "read" : "read_write"
    }> ${name}: array<${element}>;`
  );
  const elements = new Set<Element>(buffers.map(([, , element]) => element));
  return [
    ...elements.values().flatMap((element) =>
      element === "f32" || element === "u32" ? [] : struct(element, records[element])
    ),
    ...struct("Params", params),
    "@group(0) @binding(0) var<uniform> params: Params;",
    ...bindings,
  ];
}

function struct(name: string, fields: Readonly<Record<string, string>>): string[] {
  const members = Object.entries(fields).map(([field, format]) =>
    `  ${field}: ${format === "f32" ? "f32" : "u32"},`
  );
  return [`struct ${name} {`, ...members, "}"];
}

const records = {
  Block: blockFields,
  Numbers: numberFields,
  Step: stepFields,
  AdamwStep: adamwFields,
};

/** Lines with fragments in place of the directives that include them, each fragment where it is included first. */
function withIncludes(
  text: string,
  options: {
    readonly fragments: Readonly<Record<string, string>>;
    readonly included: Set<string>;
  },
): string[] {
  const { fragments, included } = options;
  return text.split("\n").flatMap((line) => {
    const include = line.match(INCLUDE)?.groups;
    if (include === undefined) return line === "" ? [] : [line];
    const name = fragments[include.name!] ?? include.name!;
    const key = `${name} ${include.operand ?? ""}`;
    if (included.has(key)) return [];
    included.add(key);
    const fragment = wgslFragments[name];
    if (fragment === undefined) {
      throw new ReferenceError(`There is no wgsl/fragments/${name}.wgsl, wanted by "${line}"`);
    }
    return withIncludes(forOperand(fragment, include.operand), options);
  });
}

/** The text of a fragment that is written for any `tensor`, for one operand. */
function forOperand(text: string, operand: string | undefined): string {
  if (operand === undefined) return text;
  const capitalized = operand[0]!.toUpperCase() + operand.slice(1);
  return text.replaceAll("tensor", operand).replaceAll("Tensor", capitalized);
}

/** Lines with copies of bodies in place of the loops that are marked. */
function unrollLoops(lines: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const { name, count } = line.match(COUNT)?.groups ?? {};
    if (name !== undefined) counts.set(name, Number(count));
  }
  return unrolled(lines, counts);
}

function unrolled(lines: readonly string[], counts: ReadonlyMap<string, number>): string[] {
  const output: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (!line.includes("// unroll")) {
      output.push(line);
      continue;
    }
    const { name, count } = line.match(UNROLLED_LOOP)?.groups ?? {};
    const copies = counts.get(count ?? "") ?? Number.parseInt(count ?? "");
    if (name === undefined || !(copies > 0)) {
      throw new SyntaxError(
        `Cannot unroll "${line.trim()}": write for (var j = 0u; j < 4u; j++) { // unroll`,
      );
    }
    const end = closingLine(lines, at);
    const body = lines.slice(at + 1, end);
    for (let i = 0; i < copies; i++) {
      // A block of its own, so that names do not clash.
      const copy = body.map((each) => each.replaceAll(new RegExp(`\\b${name}\\b`, "g"), `${i}u`));
      output.push("{", ...unrolled(copy, counts), "}");
    }
    at = end;
  }
  return output;
}

/** The line of the brace that closes the block opened on line `begin`: the first one with the same indentation. */
function closingLine(lines: readonly string[], begin: number): number {
  const brace = lines[begin]!.match(/^ */)![0] + "}";
  const end = lines.indexOf(brace, begin);
  if (end < 0) throw new SyntaxError(`No closing brace under "${lines[begin]!.trim()}"`);
  return end;
}

const INCLUDE = /^\/\/ include: (?<name>\w+)(?: for (?<operand>\w+))?$/;
const COUNT = /^const (?<name>\w+) = (?<count>\d+)u;$/;
const UNROLLED_LOOP =
  /^ *for \(var (?<name>\w+) = 0u; \k<name> < (?<count>\d+u|\w+); \k<name>\+\+\) \{ \/\/ unroll$/;
