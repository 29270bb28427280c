// The WGSL texts against what stands beside them: the generated module, and the table of operands and parameters, which a
// shader repeats in its own words. A parameter in the wrong place would be read as another one.

import assert from "node:assert/strict";
import { expand, generateModule } from "../../../scripts/generate_wgsl.ts";
import { blockFields, numberFields, stepFields } from "../../../src/device/block_table.ts";
import { type KernelName, kernelNamed, kernels } from "../../../src/device/kernels/registry.ts";
import { wgslSources } from "../../../src/device/wgsl_generated.ts";

Deno.test("wgsl_generated.ts is what wgsl/*.wgsl gives", async () => {
  const module = new URL("../../../src/device/wgsl_generated.ts", import.meta.url);
  assert.ok(
    await Deno.readTextFile(module) === generateModule(),
    "stale: run `deno task wgsl` and commit the result",
  );
});

Deno.test("expand() writes an unrolled loop's body once per value, nested ones too", () => {
  assert.deepEqual(
    expand([
      "// a comment",
      "for (var i = 0u; i < 2u; i++) { // unroll",
      "  x += a[i];",
      "  for (var j = 0u; j < 2u; j++) { // unroll",
      "    y += b[i][j];",
      "  }",
      "}",
      "jig(i);",
    ]),
    [
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
    ],
  );
});

Deno.test("expand() refuses an unrolled loop that it cannot read", () => {
  assert.throws(() => expand(["for (var i = n; i < 2u; i++) { // unroll", "}"]), /Cannot unroll/);
  assert.throws(() => expand(["for (var i = 0u; i < 2u; i++) { // unroll", " }"]), /No closing/);
});

Deno.test("expand() writes a fragment that is for any tensor for one operand", () => {
  const text = expand(["// include: tensor_quads for grad"]).join("\n");
  assert.match(text, /^override gradType: u32 = 0u;$/m);
  assert.match(text, /^fn loadGrad\(/m);
  assert.doesNotMatch(text, /tensor/i);
});

Deno.test("the records' structs in WGSL have the fields of block_table.ts, in order", () => {
  const text = wgslSources.adafactor_step_sizes;
  for (
    const [name, fields] of [["Block", blockFields], ["Numbers", numberFields], [
      "Step",
      stepFields,
    ]] as const
  ) {
    const declared = text.match(new RegExp(`struct ${name} \\{\n([^}]*)\\}`))![1]!;
    assert.deepEqual(
      [...declared.matchAll(/\w+: \w+/g)].map(String),
      Object.entries(fields).map(([field, type]) => `${field}: ${type}`),
    );
  }
});

for (const { name, source, hasScratch } of sourcesOfKernels()) {
  Deno.test(`wgsl/${source}.wgsl declares the operands and parameters of ${name}, in order`, () => {
    const text = texts[source]!;
    const entry = kernelNamed(name);
    const params = Object.entries(entry.params).map(([key, format]) =>
      `${key}: ${format === "f32" ? "f32" : "u32"}`
    );
    const declared = text.match(/struct Params \{\n([^}]*)\}/)![1]!;
    assert.deepEqual([...declared.matchAll(/\w+: \w+/g)].map(String), params);

    const operands = Object.entries(entry.operands).map(([key, { access, element }], i) =>
      `@binding(${i + 1}) var<storage, ${
        access === "read" ? "read" : "read_write"
      }> ${key}: array<${element}>`
    );
    if (hasScratch) {
      operands.push(
        `@binding(${operands.length + 1}) var<storage, read_write> scratch: array<f32>`,
      );
    }
    assert.deepEqual(
      [...text.matchAll(/@binding\(\d+\) var<storage, \w+> \w+: array<\w+>/g)].map(String),
      operands,
    );
    assert.match(text, /@binding\(0\) var<uniform> params: Params;/);
  });
}

Deno.test("every WGSL file is used, and has the entry points that its kernels run", () => {
  for (const { name, source, entryPoints } of sourcesOfKernels()) {
    assert.deepEqual(
      entryPoints,
      [...texts[source]!.matchAll(/^@compute .*\nfn (\w+)\(/gm)].map(([, fn]) => fn),
      name,
    );
  }
  const used = new Set(sourcesOfKernels().map(({ source }) => source));
  assert.deepEqual([...used].sort(), Object.keys(texts).sort());
});

/** Every kernel with every WGSL file that it may run from, and the entry points that it runs there. */
function sourcesOfKernels() {
  return (Object.keys(kernels) as KernelName[]).flatMap((name) => {
    const { shader, softwareShader } = kernelNamed(name);
    return [shader, softwareShader ?? []].flat().map(({ stages, scratch }) => ({
      name,
      source: stages[0]!.source,
      entryPoints: stages.map(({ entryPoint }) => entryPoint),
      hasScratch: scratch !== undefined,
    }));
  });
}

const texts: Readonly<Record<string, string>> = wgslSources;
