// Tensors that change, and two backward passes at once, between forward and backward: refused, with gradients as they were.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Linear } from "../../src/nn/linear.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { add } from "../../src/ops/add.ts";
import { mul } from "../../src/ops/mul.ts";
import { scale } from "../../src/ops/scale.ts";
import { sum } from "../../src/ops/sum.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import type { Device } from "../../src/device/device.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { recompute } from "../../src/tensor/recompute.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

function parameter(device: Device, name: string, values: number[]): Parameter {
  return new Parameter(device, values, { shape: [values.length], name });
}

/** What writes the values of `a`, a parameter with a gradient. */
const writers: Readonly<Record<string, (a: Parameter) => void | Promise<void>>> = {
  "write()": (a) => a.write([7, 8]),
  "writeBytes()": (a) => a.writeBytes(new Uint8Array(new Float32Array([7, 8]).buffer)),
  "writeStored()": (a) =>
    a.writeStored(new Uint8Array(new Float32Array([7, 8]).buffer), { dtype: "f32", begin: 0 }),
  async "a step of Adafactor"(a) {
    using optim = new Adafactor([a], { lr: 0.1, relativeStep: false, scaleParameter: false });
    await optim.step();
  },
  async "a step of AdamW"(a) {
    using optim = new AdamW([a], { lr: 0.1 });
    await optim.step();
  },
};

for (const [what, write] of Object.entries(writers)) {
  testOnEachDevice(
    `backward() refuses a parameter changed by ${what} since it was used`,
    async (device) => {
      using a = parameter(device, "a", [1, 2]);
      using b = parameter(device, "b", [3, 4]);
      a.grad = Tensor.from(device, [1, 1]);
      using loss = sum(mul(scale(b, 2), a));
      await write(a);
      const before = await a.grad.data();
      await assert.rejects(loss.backward(), (error: Error) => {
        assert.match(
          error.message,
          /through mul\(\): its operand 1, the parameter "a" of shape \[2\]/,
        );
        assert.match(error.message, /written \d+ times when mul\(\) read it, and now \d+ times/);
        return true;
      });
      assertSameBits(await a.grad.data(), before);
      assert.equal(b.grad, undefined);
    },
  );
}

Deno.test("a step of many parameters is seen for each of them", async () => {
  using device = wasmDevice();
  const parameters = ["a", "b", "c"].map((name) => parameter(device, name, [1, 2]));
  for (const each of parameters) each.grad = Tensor.from(device, [1, 1]);
  const losses = parameters.map((each) => sum(mul(each, each)));
  using optim = new Adafactor(parameters, { lr: 0.1, relativeStep: false, scaleParameter: false });
  await optim.step();
  for (const [index, loss] of losses.entries()) {
    await assert.rejects(loss.backward(), new RegExp(`"${"abc"[index]}"`));
    loss[Symbol.dispose]();
  }
  for (const each of parameters) each[Symbol.dispose]();
});

Deno.test("a parameter changed since recompute() used it is refused", async () => {
  using device = wasmDevice();
  using a = parameter(device, "a", [1, 2]);
  using loss = sum(await recompute(() => Promise.resolve(mul(a, scale(a, 3)))));
  a.write([5, 6]);
  await assert.rejects(loss.backward(), /through recompute\(\): its operand 0, the parameter "a"/);
});

Deno.test("a parameter that changes while backward() runs is refused", async () => {
  using device = wasmDevice();
  using a = parameter(device, "a", [1, 2]);
  const used = mul(a, a);
  const slow = used.copy().computedBy({
    op: "slow",
    inputs: [used],
    async gradient(dy) {
      await Promise.resolve();
      a.write([5, 6]);
      return [dy];
    },
  });
  using loss = sum(slow);
  await assert.rejects(loss.backward(), /through mul\(\): its operand 0, the parameter "a"/);
  assert.equal(a.grad, undefined);
});

Deno.test("a frozen operand may change: no gradient goes through", async () => {
  using device = wasmDevice();
  using a = parameter(device, "a", [1, 2]);
  using frozen = parameter(device, "frozen", [3, 4]);
  frozen.requiresGrad = false;
  using loss = sum(add(a, scale(frozen, 2)));
  frozen.write([0, 0]);
  await loss.backward();
  assertSameBits(await a.grad!.data(), [1, 1]);
});

testOnEachDevice(
  "two losses over one trunk: backward() of both at once is refused",
  async (device) => {
    using layer = new Linear(device, {
      inFeatures: 2,
      outFeatures: 2,
      random: new RandomSource(1),
    });
    using x = Tensor.from(device, [1, 2], { shape: [1, 2] });
    const trunk = mul(await layer.forward(x), x);
    using first = sum(trunk);
    using second = sum(scale(trunk, 2));
    const outcomes = await Promise.allSettled([first.backward(), second.backward()]);
    assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected"]);
    const { reason } = outcomes[1] as PromiseRejectedResult;
    assert.match(`${reason}`, /Another backward\(\) is going through .*add the losses/);
    // The gradient is that of the first loss.
    assertSameBits(await layer.bias!.grad!.data(), [1, 2]);
  },
);

Deno.test("backward() twice at once from one loss is refused once", async () => {
  using device = wasmDevice();
  using a = parameter(device, "a", [1, 2]);
  using loss = sum(mul(a, a));
  const outcomes = await Promise.allSettled([loss.backward(), loss.backward()]);
  assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected"]);
  assertSameBits(await a.grad!.data(), [2, 4]);
});

Deno.test("backward() at once from losses that share only parameters adds both gradients", async () => {
  using device = wasmDevice();
  using a = parameter(device, "a", [1, 2]);
  using first = sum(mul(a, a));
  using second = sum(scale(a, 3));
  await Promise.all([first.backward(), second.backward()]);
  assertSameBits(await a.grad!.data(), [5, 7]);
});
