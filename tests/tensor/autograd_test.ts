import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { add } from "../../src/ops/add.ts";
import { crossEntropy } from "../../src/ops/cross_entropy.ts";
import { embedding } from "../../src/ops/embedding.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { linear } from "../../src/ops/linear.ts";
import { mul } from "../../src/ops/mul.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { scale } from "../../src/ops/scale.ts";
import { sum } from "../../src/ops/sum.ts";
import { backward } from "../../src/tensor/autograd.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

function leaf(device: Device, values: number[]): Tensor {
  return Tensor.from(device, values, { requiresGrad: true });
}

testOnEachDevice("backward() adds up the gradients of a tensor used many times", async (device) => {
  await checkGradients(device, {
    shapes: [[5], [5]],
    // There are five paths of different lengths from x to y, through shared nodes and identities.
    op: (x, z) => {
      const a = add(x, z);
      const b = mul(a, x);
      return add(add(b, a), add(add(x, x), mul(b, b)));
    },
    reference: (x, z) =>
      x.map((value, i) => {
        const a = value + z[i];
        const b = a * value;
        return b + a + 2 * value + b * b;
      }),
  });
});

testOnEachDevice("backward() goes through a chain of 3000 ops", async (device) => {
  using x = leaf(device, [1]);
  let y = x;
  for (let i = 0; i < 3000; i++) y = add(y, x);
  using loss = sum(y);
  await loss.backward();
  assert.equal(await loss.item(), 3001);
  assertSameBits(await x.grad!.data(), [3001]);
});

testOnEachDevice("gradients of several backward() calls add up in grad", async (device) => {
  using x = leaf(device, [1, 2]);
  for (const factor of [3, 5]) {
    using loss = sum(scale(x, factor));
    await loss.backward();
  }
  assertSameBits(await x.grad!.data(), [8, 8]);
});

testOnEachDevice(
  "backward() releases every intermediate, and keeps leaves and the loss",
  async (device) => {
    using x = leaf(device, [1, 2]);
    using w = Tensor.from(device, [3, 4]);
    const before = device.statistics().liveBytes;
    {
      const hidden = mul(x, w);
      using loss = sum(gelu(reshape(hidden, [2, 1])));
      await backward(loss);
      await assert.rejects(hidden.data(), /result of mul\(\) .* released/);
      assert.ok(await loss.item() > 0);
      assert.equal(loss.requiresGrad, false);
      x.grad = undefined;
      using scalar = Tensor.from(device, [0], { shape: [] });
      // Only the loss is alive, as large as any scalar.
      const live = device.statistics().liveBytes - before;
      scalar[Symbol.dispose]();
      assert.equal(live, 2 * (device.statistics().liveBytes - before));
    }
    assert.equal(device.statistics().liveBytes, before);
    assertSameBits(await w.data(), [3, 4]);
  },
);

Deno.test("gradient functions do no work for inputs that require no gradient", async () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  using weight = leafOf(device, [5, 6], [1, 2]);
  using table = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  using indices = Tensor.from(device, [0, 1], { dtype: "u32" });
  using loss = sum(linear(add(x, gelu(embedding(table, indices))), weight));
  const run = kernelsOf(device);
  await loss.backward();
  // d(sum), dW: no kernel for x, the table, or the loss's fill.
  assert.deepEqual(run, ["fill", "expand", "matmul_tn"]);
  assert.equal(x.grad, undefined);
  assert.equal(table.grad, undefined);
  assert.deepEqual([...await weight.grad!.data()].length, 2);
});

Deno.test("an op without gradients to compute saves nothing", () => {
  using device = wasmDevice();
  using logits = Tensor.from(device, new Float32Array(3000), { shape: [3, 1000] });
  using targets = Tensor.from(device, [1, 2, 3], { dtype: "u32" });
  const before = device.statistics().liveBytes;
  using loss = crossEntropy(logits, targets);
  assert.equal(loss.requiresGrad, false);
  assert.ok(device.statistics().liveBytes - before < 4000);
});

testOnEachDevice(
  "backward() refuses tensors without a gradient, with several elements, or of which it ran before",
  async (device) => {
    using x = leaf(device, [1, 2]);
    using data = Tensor.from(device, [1, 2]);
    using vector = gelu(x);
    await assert.rejects(vector.backward(), {
      name: "RangeError",
      message: /scalar, got .* \[2\]/,
    });
    using constant = sum(gelu(data));
    await assert.rejects(constant.backward(), /nothing to differentiate/);
    using loss = sum(x);
    await loss.backward();
    await assert.rejects(loss.backward(), /has run from it before/);
    assertSameBits(await x.grad!.data(), [1, 1]);
  },
);

testOnEachDevice(
  "backward() refuses a graph with released tensors, and changes no grad",
  async (device) => {
    using x = leaf(device, [1, 2]);
    const hidden = gelu(x);
    using one = sum(hidden);
    using other = sum(scale(hidden, 2));
    await one.backward();
    x.grad = undefined;
    await assert.rejects(other.backward(), /result of gelu\(\) of shape \[2\] as it was released/);
    assert.equal(x.grad, undefined);
  },
);

testOnEachDevice(
  "if a gradient function fails, every grad stays as it was and the graph is released",
  async (device) => {
    using x = leaf(device, [1, 2]);
    using z = leaf(device, [1, 2]);
    const before = device.statistics().liveBytes;
    const failing = z.copy().computedBy({
      op: "failing",
      inputs: [z],
      gradient: () => Promise.reject(new Error("a peer was lost")),
    });
    {
      using loss = sum(add(gelu(x), failing));
      await assert.rejects(loss.backward(), /a peer was lost/);
    }
    assert.deepEqual([x.grad, z.grad], [undefined, undefined]);
    assert.equal(device.statistics().liveBytes, before);
  },
);

Deno.test("a gradient of the wrong shape is an error that names the op", async () => {
  using device = wasmDevice();
  using x = leaf(device, [1, 2]);
  for (const gradient of [undefined, Tensor.from(device, [1, 2, 3])]) {
    using loss = sum(
      x.copy().computedBy({ op: "crooked", inputs: [x], gradient: () => [gradient] }),
    );
    await assert.rejects(loss.backward(), {
      name: "TypeError",
      message: /crooked must give .* \[2\] .* gave (none|\[3\])/,
    });
    gradient?.[Symbol.dispose]();
  }
});

testOnEachDevice("memory is flat over 1000 training steps", async (device) => {
  using table = leafOf(device, range(7 * 5), [7, 5]);
  using up = leafOf(device, range(33 * 10), [33, 10]);
  using bias = leafOf(device, range(33), [33]);
  using down = leafOf(device, range(7 * 33), [7, 33]);
  const leaves = [table, up, bias, down];
  let early = 0;
  for (let step = 1; step <= 1000; step++) {
    using indices = Tensor.from(device, [1, 2, 3, 4, 5, step % 7], { shape: [3, 2], dtype: "u32" });
    using targets = Tensor.from(device, [0, step % 7, 6], { dtype: "u32" });
    const x = reshape(embedding(table, indices), [3, 10]);
    using loss = crossEntropy(linear(gelu(linear(x, up, bias)), down), targets);
    await loss.backward();
    for (const each of leaves) each.grad = undefined;
    if (step % 50 === 0) await loss.item();
    const { liveBytes, pooledBytes } = device.statistics();
    if (step === 100) early = liveBytes + pooledBytes;
    if (step > 100) assert.equal(liveBytes + pooledBytes, early, `bytes after step ${step}`);
  }
});

function leafOf(device: Device, values: readonly number[], shape: readonly number[]): Tensor {
  return Tensor.from(device, values, { shape, requiresGrad: true });
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.sin(i));
}

/** Names of the kernels that run on `device` from now on. */
function kernelsOf(device: Device): string[] {
  const names: string[] = [];
  const run = device.run.bind(device);
  device.run = (kernel, bindings, params) => {
    names.push(kernel);
    run(kernel, bindings, params);
  };
  return names;
}

testOnEachDevice(
  "a receiver gets each gradient when it is complete, between nodes, and may take it",
  async (device) => {
    using x = leaf(device, [2, 3]);
    using z = leaf(device, [5, 7]);
    using constant = Tensor.from(device, [1, 1]);
    const events: string[] = [];
    const taken: Float32Array[] = [];
    const before = device.statistics().liveBytes;
    using loss = sum(add(mul(x, add(x, z)), add(constant, x)));
    await backward(loss, {
      begin: (leaves) => events.push(`begin ${leaves.map((each) => each === x ? "x" : "z")}`),
      async receive(each, gradient) {
        events.push(each === x ? "x" : "z");
        if (each !== x) return false;
        taken.push(await gradient.data());
        return true;
      },
      betweenNodes() {
        events.push("-");
        return undefined;
      },
    });
    // sum; add; add(constant, x); mul; add(x, z), the last that uses either.
    assert.deepEqual(events, ["begin x,z", "-", "-", "-", "-", "x", "z", "-"]);
    assert.deepEqual(taken.map((each) => [...each]), [[2 * 2 + 5 + 1, 2 * 3 + 7 + 1]]);
    assert.equal(x.grad, undefined);
    assertSameBits(await z.grad!.data(), [2, 3]);
    // The loss and the gradient of z: one and two elements, or the size of two small buffers in a pool.
    const expected = device.kind === "wasm" ? 4 + 8 : 2 * 256;
    assert.equal(device.statistics().liveBytes - before, expected);
  },
);

testOnEachDevice(
  "an error of a receiver ends backward(), and no grad changes",
  async (device) => {
    using x = leaf(device, [2, 3]);
    using z = leaf(device, [5, 7]);
    const before = device.statistics().liveBytes;
    {
      using loss = sum(mul(x, z));
      let numReceived = 0;
      await assert.rejects(
        backward(loss, {
          begin: () => {},
          receive: () =>
            ++numReceived === 1 ? Promise.resolve(false) : Promise.reject(new Error("no room")),
          betweenNodes: () => undefined,
        }),
        { message: "no room" },
      );
    }
    assert.deepEqual([x.grad, z.grad], [undefined, undefined]);
    assert.equal(device.statistics().liveBytes, before);
  },
);

testOnEachDevice(
  "discarded values of intermediates are not there for anything, and backward needs them not",
  async (device) => {
    using x = leaf(device, [2, 3]);
    const y = mul(x, x);
    const z = add(y, x);
    y.discard();
    using loss = sum(z);
    assert.throws(() => y.buffer, /released/);
    await backward(loss);
    assertSameBits(await x.grad!.data(), [5, 7]);
    x.grad = undefined;
    const needed = mul(x, x);
    using product = sum(mul(needed, x));
    needed.discard();
    await assert.rejects(backward(product), /released/);
    assert.equal(x.grad, undefined);
  },
);
