// Every kernel's WASM export takes the operands and parameters of its entry in the registry, by the same names and in the same order.
//
// Types cannot see this: to TypeScript all arguments are numbers. The names are those of the Rust functions, which wasm-bindgen
// writes to rust_kernels.d.ts; where the parameters are passed by pointer, those of the struct that it points to.

import assert from "node:assert/strict";
import { kernels } from "../../../src/device/kernels/registry.ts";

const CRATE = new URL("../../../rust_kernels/", import.meta.url);
const declarations = Deno.readTextFileSync(new URL("pkg/rust_kernels.d.ts", CRATE));
const sources = rustFiles(new URL("src/", CRATE)).map((file) => Deno.readTextFileSync(file));

for (const [kernel, { operands: named, params }] of Object.entries(kernels)) {
  Deno.test(`the export ${kernel}() takes the operands and parameters of its entry in order`, () => {
    const operands = Object.keys(named).map(snakeCase);
    const words = Object.keys(params).map(snakeCase);
    const byPointer = "blocks" in named;
    assert.deepEqual(exportArguments(kernel), [...operands, ...(byPointer ? ["params"] : words)]);
    if (byPointer) assert.deepEqual(paramsBehindPointer(kernel), Object.entries(params).map(word));
  });
}

Deno.test("every export but those of memory is a kernel of the registry", () => {
  const exported = [...declarations.matchAll(/^export function (\w+)/gm)].map(([, name]) => name!);
  assert.deepEqual(
    exported.filter((name) => !(name in kernels)).sort(),
    ["allocate", "release"],
  );
});

function exportArguments(kernel: string): string[] {
  const found = declarations.match(new RegExp(`^export function ${kernel}\\((.*)\\): void;$`, "m"));
  assert.ok(found, `${kernel} is no export: rebuild with scripts/build_wasm.sh`);
  return found[1]!.split(", ").map((argument) => argument.replace(/: number$/, ""));
}

/** `name: type` of each word of the struct that the export's `params` point to, nested structs written out. */
function paramsBehindPointer(kernel: string): string[] {
  const source = sources.find((text) => new RegExp(`pub fn ${kernel}\\(`).test(text));
  assert.ok(source, `no Rust source exports ${kernel}`);
  const [, name] = source.match(
    new RegExp(`pub fn ${kernel}\\([^)]*params: \\*const (\\w+),?\\s*\\)`),
  )!;
  return words(name!, source);
}

function words(struct: string, source: string): string[] {
  const declaration = new RegExp(`#\\[repr\\(C\\)\\]\\s*pub struct ${struct} \\{([^}]*)\\}`);
  const body = [source, ...sources].map((text) => text.match(declaration)?.[1]).find(Boolean);
  assert.ok(body, `no struct ${struct} with the layout of C`);
  return [...body.matchAll(/pub (\w+): (\w+),/g)].flatMap(([, field, type]) => {
    if (type === "u32" || type === "f32") return [`${field}: ${type}`];
    // How elements are stored and how many there are: the entry names both after the operand.
    if (type === "StoredOperand") return [`${field}_type: u32`, `${field}_length: u32`];
    return words(type!, source);
  });
}

function word([name, format]: [string, string]): string {
  return `${snakeCase(name)}: ${format === "f32" ? "f32" : "u32"}`;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function rustFiles(folder: URL): URL[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? rustFiles(new URL(`${name}/`, folder)) : [new URL(name, folder)]
  );
}
