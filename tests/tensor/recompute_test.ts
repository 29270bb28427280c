import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { add } from "../../src/ops/add.ts";
import { dropout } from "../../src/ops/dropout.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { mul } from "../../src/ops/mul.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { sum } from "../../src/ops/sum.ts";
import { backward } from "../../src/tensor/autograd.ts";
import { recompute } from "../../src/tensor/recompute.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

/** Recomputes, or keeps. */
type Run = (forward: () => Promise<Tensor>) => Promise<Tensor>;

const SIZE = 24;

function matrix(device: Device, seed: number): Tensor {
  const values = Float32Array.from({ length: SIZE * SIZE }, (_, i) => Math.sin(seed + i * 0.7));
  return Tensor.from(device, values, { shape: [SIZE, SIZE], requiresGrad: true });
}

/** Five layers of two weights that all share, beside one that is used before them, between and after. */
async function trained(device: Device, run: Run) {
  using scope = new DisposableStack();
  const [x, v, w, bias] = [1, 2, 3, 4].map((seed) => scope.use(matrix(device, seed)));
  const before = device.statistics().liveBytes;
  const shared = gelu(bias);
  let y = mul(x, shared);
  for (let layer = 0; layer < 5; layer++) {
    const input = y;
    y = await run(async () => {
      const wide = gelu(matmul(input, v));
      const thinned = dropout(wide, { probability: 0.3, key: [7, layer] });
      // Nested: a recomputed part that recomputes.
      const narrow = await run(() => Promise.resolve(mul(matmul(thinned, w), shared)));
      return reshape(add(input, add(narrow, narrow)), [SIZE, SIZE]);
    });
  }
  using loss = sum(mul(y, shared));
  const liveBytes = device.statistics().liveBytes - before;
  await loss.backward();
  const gradients = await Promise.all([x, v, w, bias].map(({ grad }) => grad!.bytes()));
  return { gradients, loss: await loss.bytes(), liveBytes };
}

testOnEachDevice(
  "recompute() has the bits of a graph that is kept, and uses less memory",
  async (device) => {
    const liveBefore = device.statistics().liveBytes;
    const kept = await trained(device, (forward) => forward());
    const again = await trained(device, recompute);
    assertSameBits(again.gradients, kept.gradients);
    assertSameBits(again.loss, kept.loss);
    // The output of each layer is kept: beside the input, the gradients of three ops, and `shared`.
    assert.ok(again.liveBytes < 0.3 * kept.liveBytes, `${again.liveBytes}, ${kept.liveBytes}`);
    assert.equal(device.statistics().liveBytes, liveBefore);
  },
);

Deno.test("disposing a recomputed tensor releases what it was computed from", async () => {
  using device = wasmDevice();
  using w = matrix(device, 1);
  const before = device.statistics().liveBytes;
  {
    const hidden = gelu(w);
    using _y = await recompute(() => Promise.resolve(gelu(gelu(hidden))));
    assert.equal(device.statistics().liveBytes, before + 2 * 4 * w.length);
  }
  assert.equal(device.statistics().liveBytes, before);
});

Deno.test("recompute() returns older tensors, and aliases of them, as they are", async () => {
  using device = wasmDevice();
  using w = matrix(device, 1);
  const x = gelu(w);
  assert.equal(await recompute(() => Promise.resolve(x)), x);
  const seen = await recompute(() => Promise.resolve(reshape(x, [SIZE * SIZE])));
  using loss = sum(mul(seen, seen));
  await loss.backward();
  assert.equal(w.grad!.length, SIZE * SIZE);
});

Deno.test("a receiver gets every gradient once, after all recomputed uses", async () => {
  using device = wasmDevice();
  using v = matrix(device, 1);
  using w = matrix(device, 2);
  const x = mul(v, w);
  const y = await recompute(() => Promise.resolve(mul(mul(x, w), w)));
  using loss = sum(y);
  const received: unknown[] = [];
  let turns = 0;
  await backward(loss, {
    begin: (leaves) => assert.equal(leaves.length, 2),
    receive(leaf) {
      received.push(leaf);
      return Promise.resolve(false);
    },
    betweenNodes() {
      turns++;
      return undefined;
    },
  });
  assert.deepEqual(new Set(received), new Set([v, w]));
  assert.equal(received.length, 2);
  // sum, two recomputed products, their end, and the first product.
  assert.equal(turns, 5);
});

Deno.test("recompute() refuses functions that change or make leaves, and keeps no memory", async () => {
  using device = wasmDevice();
  using v = matrix(device, 1);
  using w = matrix(device, 2);
  const before = device.statistics().liveBytes;
  let calls = 0;
  const changing = () => Promise.resolve(gelu(calls++ === 0 ? v : w));
  {
    using loss = sum(await recompute(changing));
    await assert.rejects(loss.backward(), { name: "TypeError", message: /computes the same/ });
    assert.equal(v.grad, undefined);
    assert.equal(w.grad, undefined);
  }
  assert.equal(device.statistics().liveBytes, before);
  using made = Tensor.from(device, [1, 2], { requiresGrad: true });
  await assert.rejects(
    recompute(() => Promise.resolve(gelu(Tensor.from(device, [1], { requiresGrad: true })))),
    { name: "TypeError", message: /shape \[1\] that its function makes/ },
  );
  using y = await recompute(() => Promise.resolve(gelu(made)));
  assert.equal(y.requiresGrad, true);
});
