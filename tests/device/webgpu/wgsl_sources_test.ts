// The WGSL texts against what stands beside them: the generated module, and the table of operands and parameters, which a
// shader repeats in its own words. A parameter in the wrong place would be read as another one.

import assert from "node:assert/strict";
import { expand, generateModule } from "../../../scripts/generate_wgsl.ts";
import { blockFields, numberFields, stepFields } from "../../../src/device/block_table.ts";
import { type KernelName, type KernelParams, kernels } from "../../../src/device/kernels.ts";
import { wgslSources } from "../../../src/device/wgsl_generated.ts";
import { type Plan, planKernel } from "../../../src/device/wgsl_stages.ts";

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

for (const { name, plan } of allPlans()) {
  Deno.test(`wgsl/${plan.source}.wgsl declares the operands and parameters of ${name}, in order`, () => {
    const text = wgslSources[plan.source];
    const params = Object.entries(kernels[name].params).map(([key, type]) => `${key}: ${type}`);
    const declared = text.match(/struct Params \{\n([^}]*)\}/)![1];
    assert.deepEqual([...declared.matchAll(/\w+: \w+/g)].map(String), params);

    const operands = Object.entries(kernels[name].bindings).map(([key, access], i) =>
      `@binding(${i + 1}) var<storage, ${access === "read" ? "read" : "read_write"}> ${key}`
    );
    if (plan.scratchLength !== undefined) {
      operands.push(`@binding(${operands.length + 1}) var<storage, read_write> scratch`);
    }
    assert.deepEqual(
      [...text.matchAll(/@binding\(\d+\) var<storage, \w+> \w+/g)].map(String),
      operands,
    );
    assert.match(text, /@binding\(0\) var<uniform> params: Params;/);
  });
}

Deno.test("every WGSL file is used, and has the entry points that its plan runs", () => {
  for (const { name, plan } of allPlans()) {
    assert.deepEqual(
      plan.stages.map(({ entryPoint }) => entryPoint),
      [...wgslSources[plan.source].matchAll(/^@compute .*\nfn (\w+)\(/gm)].map(([, fn]) => fn),
      name,
    );
  }
  const used = new Set(allPlans().map(({ plan }) => plan.source));
  assert.deepEqual([...used].sort(), Object.keys(wgslSources).sort());
});

/** Every kernel with every WGSL file that it may run from. */
function allPlans(): { name: KernelName; plan: Plan }[] {
  return (Object.keys(kernels) as KernelName[]).flatMap((name) => {
    const ones = Object.fromEntries(Object.keys(kernels[name].params).map((each) => [each, 1]));
    const params = ones as KernelParams<typeof name>;
    const onGpu = planKernel(name, params, { software: false });
    const onCpu = planKernel(name, params, { software: true });
    return onGpu.source === onCpu.source
      ? [{ name, plan: onGpu }]
      : [{ name, plan: onGpu }, { name, plan: onCpu }];
  });
}
