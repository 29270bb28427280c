import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Layout } from "../../src/distributed/layout.ts";
import { sum } from "../../src/ops/sum.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
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
