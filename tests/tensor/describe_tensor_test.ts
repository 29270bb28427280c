import assert from "node:assert/strict";
import { inspect } from "node:util";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { mul } from "../../src/ops/mul.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

testOnEachDevice("console.log of a tensor shows type, shape, device and values", (device) => {
  const values = (text: string) => device.kind === "wasm" ? `: ${text}` : "";
  using x = Tensor.from(device, [1, 2.5, 1 / 3, NaN, -Infinity, 6], {
    shape: [2, 3],
    requiresGrad: true,
  });
  const shown = `Tensor f32 [2, 3] on ${device.kind}, requires a gradient` +
    values("1, 2.5, 0.333333, NaN, -Infinity, 6");
  assert.equal(Deno.inspect(x), shown);
  assert.equal(inspect(x), shown);
  assert.ok(Deno.inspect([x]).includes(shown));
  using y = mul(x, x);
  y[Symbol.dispose]();
  assert.equal(Deno.inspect(y), `Tensor f32 [2, 3] on ${device.kind} (released)`);
  using p = new Parameter(device, [1, 2, 3], { shape: [3], name: "up.weight", dtype: "bf16" });
  assert.equal(
    Deno.inspect(p),
    `Parameter "up.weight" bf16 [3] on ${device.kind}${values("1, 2, 3")}`,
  );
  return Promise.resolve();
});

Deno.test("console.log of a tensor shows at most 6 values, and those of indices on any device", () => {
  using device = wasmDevice();
  using long = Tensor.from(device, new Float32Array(1000));
  assert.equal(Deno.inspect(long), "Tensor f32 [1000] on wasm: 0, 0, 0, 0, 0, 0, ...");
  using empty = Tensor.from(device, [], { shape: [0, 3] });
  assert.equal(Deno.inspect(empty), "Tensor f32 [0, 3] on wasm: empty");
  using tokens = Tensor.from(device, [5, 4], { dtype: "u32" });
  assert.equal(Deno.inspect(tokens), "Tensor u32 [2] on wasm: 5, 4");
  using half = Tensor.from(device, [0.5], { dtype: "f16", shape: [] });
  assert.equal(Deno.inspect(half), "Tensor f16 [] on wasm: 0.5");
});
