// No kernel goes untested: each is compared with its reference on both devices, by checkKernel() in a file beside this one.

import assert from "node:assert/strict";
import { kernels } from "../../../src/device/kernels/registry.ts";

Deno.test("every kernel is compared with its reference on wasm, on webgpu, and between them", async () => {
  const names = await testNamesBeside(import.meta.url);
  for (const kernel of Object.keys(kernels)) {
    for (
      const claim of [
        "on wasm equals its float64 reference",
        "on webgpu equals its float64 reference",
        "gives the same on webgpu as on wasm",
      ]
    ) {
      const wanted = new RegExp(`^${kernel} (.+ )?${claim}`);
      assert.ok(names.some((name) => wanted.test(name)), `no test says "${kernel} ${claim}"`);
    }
  }
});

/** Names of the tests that the other files of this folder register; none of them is registered or run here. */
async function testNamesBeside(url: string): Promise<string[]> {
  const names: string[] = [];
  const register = (name: string) => void names.push(name);
  const original = Deno.test;
  Reflect.set(Deno, "test", Object.assign(register, { ignore: register }));
  try {
    for await (const { name } of Deno.readDir(new URL(".", url))) {
      const file = new URL(name, url).href;
      if (name.endsWith("_test.ts") && file !== url) await import(file);
    }
  } finally {
    Reflect.set(Deno, "test", original);
  }
  return names;
}
