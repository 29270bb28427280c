import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Layout } from "../../src/distributed/layout.ts";
import { embedding } from "../../src/ops/embedding.ts";
import { mul } from "../../src/ops/mul.ts";
import { sum } from "../../src/ops/sum.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";

Deno.test("a Parameter has its local shape, and collects gradients", async () => {
  using device = wasmDevice();
  const layout = new Layout<never>([2, 3]);
  using parameter = new Parameter(device, [1, 2, 3, 4, 5, 6], { layout });
  assert.deepEqual([parameter.shape, parameter.layout], [[2, 3], layout]);
  using loss = sum(parameter);
  await loss.backward();
  assertSameBits(await parameter.grad!.data(), [1, 1, 1, 1, 1, 1]);
  parameter.zeroGrad();
  assert.equal(parameter.grad, undefined);
});

Deno.test("a frozen Parameter gets no gradient, and gradients pass through what is computed with it", async () => {
  using device = wasmDevice();
  using frozen = new Parameter(device, [1, 2], { shape: [2] });
  using trained = new Parameter(device, [3, 4], { shape: [2] });
  frozen.requiresGrad = false;
  using loss = sum(mul(mul(frozen, frozen), trained));
  await loss.backward();
  assert.equal(frozen.grad, undefined);
  assertSameBits(await trained.grad!.data(), [1, 4]);
  frozen.requiresGrad = true;
  using again = sum(mul(frozen, trained));
  await again.backward();
  assertSameBits(await frozen.grad!.data(), [3, 4]);
  frozen.requiresGrad = false;
  assert.equal(frozen.grad, undefined, "freezing releases a gradient");
  using constant = sum(frozen);
  await assert.rejects(constant.backward(), /nothing to differentiate/);
});

Deno.test("backward() passes by what a frozen part of a graph has released", async () => {
  using device = wasmDevice();
  using table = new Parameter(device, [1, 2, 3, 4], { shape: [2, 2] });
  using trained = new Parameter(device, [5, 6], { shape: [1, 2] });
  table.requiresGrad = false;
  const indices = Tensor.from(device, Uint32Array.of(1), { shape: [1] });
  const rows = embedding(table, indices);
  indices[Symbol.dispose]();
  using loss = sum(mul(rows, trained));
  await loss.backward();
  assertSameBits(await trained.grad!.data(), [3, 4]);
});

Deno.test("Parameter.write() overwrites the values and counts a version", async () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1, 2], { layout: new Layout<never>([2]) });
  assert.equal(parameter.version, 0);
  parameter.write([3, 4]);
  assert.equal(parameter.version, 1);
  assertSameBits(await parameter.data(), [3, 4]);
  assert.throws(() => parameter.write([1]), {
    name: "RangeError",
    message: /wants 2 values, got 1/,
  });
  assert.equal(parameter.version, 1);
  parameter[Symbol.dispose]();
  assert.throws(() => parameter.write([3, 4]), /released/);
});
