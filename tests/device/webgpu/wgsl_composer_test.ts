// Shader texts: the generated module against the files, the composer's directives, and the entry points that kernels name.

import assert from "node:assert/strict";
import { generateModule, stripped } from "../../../scripts/generate_wgsl.ts";
import { blockFields, numberFields, stepFields } from "../../../src/device/block_table.ts";
import { formulaText } from "../../../src/device/webgpu/formula_text.ts";
import { composeShader, expandText } from "../../../src/device/webgpu/wgsl_composer.ts";
import { wgslFragments, wgslSources } from "../../../src/device/webgpu/wgsl_sources.ts";
import { shaderStages } from "../../support/device/shader_stages.ts";

Deno.test("wgsl_sources.ts is what the files of wgsl/ give", async () => {
  const module = new URL("../../../src/device/webgpu/wgsl_sources.ts", import.meta.url);
  assert.ok(
    await Deno.readTextFile(module) === generateModule(),
    "stale: run `deno task wgsl` and commit the result",
  );
});

Deno.test("stripped() leaves comments and blank lines out, but not directives", () => {
  const text =
    "// About.\n\n// include: mix\n  // Why.\nfor (var j = 0u; j < 4u; j++) { // unroll\n}\n";
  assert.equal(
    stripped(text),
    "// include: mix\nfor (var j = 0u; j < 4u; j++) { // unroll\n}",
  );
});

Deno.test("expandText() writes an unrolled loop's body once per value, nested ones too", () => {
  const lines = [
    "for (var i = 0u; i < 2u; i++) { // unroll",
    "  x += a[i];",
    "  for (var j = 0u; j < 2u; j++) { // unroll",
    "    y += b[i][j];",
    "  }",
    "}",
    "jig(i);",
  ];
  assert.deepEqual(expandText(lines.join("\n")), [
    ...[
      "{",
      "  x += a[0u];",
      "{",
      "    y += b[0u][0u];",
      "}",
      "{",
      "    y += b[0u][1u];",
      "}",
      "}",
    ],
    ...[
      "{",
      "  x += a[1u];",
      "{",
      "    y += b[1u][0u];",
      "}",
      "{",
      "    y += b[1u][1u];",
      "}",
      "}",
    ],
    "jig(i);",
  ]);
});

Deno.test("expandText() unrolls a loop as often as a constant of the text says", () => {
  const text = "for (var i = 0u; i < ROWS; i++) { // unroll\n  f(i);\n}\nconst ROWS = 2u;";
  const copies = ["{", "  f(0u);", "}", "{", "  f(1u);", "}"];
  assert.deepEqual(expandText(text), [...copies, "const ROWS = 2u;"]);
});

Deno.test("expandText() refuses an unrolled loop that it cannot read", () => {
  const refused = (...lines: string[]) => () => expandText(lines.join("\n"));
  assert.throws(refused("for (var i = n; i < 2u; i++) { // unroll", "}"), /Cannot unroll/);
  assert.throws(refused("for (var i = 0u; i < ROWS; i++) { // unroll", "}"), /Cannot unroll/);
  assert.throws(refused("for (var i = 0u; i < 2u; i++) { // unroll", " }"), /No closing/);
});

Deno.test("expandText() writes a fragment that is for any tensor for one operand", () => {
  const text = expandText("// include: tensor_quads for grad").join("\n");
  assert.match(text, /^override gradType: u32 = 0u;$/m);
  assert.match(text, /^fn loadGrad\(/m);
  assert.doesNotMatch(text, /tensor/i);
});

Deno.test("expandText() includes a fragment once, and the one named for what a source leaves open", () => {
  assert.deepEqual(
    expandText("// include: mix\n// include: WHICH\n// include: mix", { WHICH: "mix" }),
    expandText("// include: mix"),
  );
  assert.throws(() => expandText("// include: WHICH"), /no wgsl\/fragments\/WHICH.wgsl/);
});

Deno.test("a shader declares its kernel's parameters, operands, scratch and records", () => {
  const words = () => 1;
  const text = composeShader({
    kernel: {
      params: { length: "u32", factor: "f32", causal: "flag", gradType: "storageType" },
      operands: {
        x: { access: "read", element: "f32", words },
        blocks: { access: "read", element: "Block", words },
        numbers: { access: "read", element: "Numbers", words },
        steps: { access: "write", element: "Step", words },
      },
    },
    scratch: { element: "u32" },
    source: "fill",
  });
  const struct = (name: string, fields: Readonly<Record<string, string>>) =>
    `struct ${name} {\n${
      Object.entries(fields).map(([field, type]) => `  ${field}: ${type},\n`).join("")
    }}\n`;
  const declared = struct("Block", blockFields) + struct("Numbers", numberFields) +
    struct("Step", stepFields) +
    struct("Params", { length: "u32", factor: "f32", causal: "u32", gradType: "u32" }) +
    `@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> blocks: array<Block>;
@group(0) @binding(3) var<storage, read> numbers: array<Numbers>;
@group(0) @binding(4) var<storage, read_write> steps: array<Step>;
@group(0) @binding(5) var<storage, read_write> scratch: array<u32>;
`;
  assert.equal(text.slice(0, declared.length), declared);
  assert.match(text, /fn main\(/);
});

Deno.test("every file of wgsl/ is used, and no entry point is left over", () => {
  const stages = shaderStages();
  const entryPoints = new Map<string, Set<string>>();
  const included = new Set<string>();
  for (const { stage, kernel } of stages) {
    const { source, entryPoint, fragments = {} } = stage;
    entryPoints.set(source, (entryPoints.get(source) ?? new Set()).add(entryPoint));
    const visit = (text: string) => {
      for (const [, name] of text.matchAll(/^\/\/ include: (\w+)/gm)) {
        if (name === "FORMULA") {
          visit(formulaText(kernel));
          continue;
        }
        const fragment = fragments[name!] ?? name!;
        included.add(fragment);
        visit(wgslFragments[fragment]!);
      }
    };
    visit(wgslSources[source]!);
  }
  assert.deepEqual([...entryPoints.keys()].sort(), Object.keys(wgslSources).sort());
  assert.deepEqual([...included].sort(), Object.keys(wgslFragments).sort());
  for (const [source, used] of entryPoints) {
    const written = wgslSources[source]!.matchAll(/^@compute .*\nfn (\w+)\(/gm);
    assert.deepEqual([...written].map(([, name]) => name), [...used], source);
  }
});
