// MultiHeadAttention and TransformerBlock, against plain loops, and what they refuse.

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { MultiHeadAttention, TransformerBlock } from "../../../src/models/blocks/own_blocks.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { Sequential } from "../../../src/nn/sequential.ts";
import { add } from "../../../src/ops/add.ts";
import { attention } from "../../../src/ops/attention.ts";
import { mul } from "../../../src/ops/mul.ts";
import { reshape } from "../../../src/ops/reshape.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { training } from "../../../src/tensor/training_scope.ts";
import { assertOtherBits, assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";

const [batch, length, width] = [2, 5, 12];
const values = Float32Array.from({ length: batch * length * width }, (_, i) => Math.sin(i));

for (const causal of [true, false]) {
  testOnEachDevice(
    `MultiHeadAttention is its layers around attention(), ${causal ? "causal" : "both ways"}`,
    async (device) => {
      const random = new RandomSource(2);
      using layer = new MultiHeadAttention(device, {
        width,
        heads: 4,
        keyHeads: 2,
        causal,
        random,
      });
      using x = Tensor.from(device, values, { shape: [batch, length, width] });
      assert.deepEqual(
        [...layer.namedParameters()].map(([name, { shape }]) => `${name} ${shape}`),
        [
          "query.weight 12,12",
          "query.bias 12",
          "key.weight 6,12",
          "key.bias 6",
          "value.weight 6,12",
          "value.bias 6",
          "output.weight 12,12",
          "output.bias 12",
        ],
      );
      const heads = async (name: "query" | "key" | "value", count: number) =>
        reshape(await layer[name]!.forward(x), [batch, length, count, 3]);
      const [q, k, v] = [await heads("query", 4), await heads("key", 2), await heads("value", 2)];
      const mixed = attention(q, k, v, { visible: causal ? "causal" : "all" });
      using wanted = await layer.output.forward(reshape(mixed, [batch, length, width]));
      using y = await layer.forward(x);
      assertSameBits(await y.data(), await wanted.data());
    },
  );
}

Deno.test("TransformerBlock adds its parts to its input, and is a layer of a Sequential", async () => {
  using device = wasmDevice();
  const make = (seed: number, more = {}) =>
    new TransformerBlock(device, { width, heads: 3, random: new RandomSource(seed), ...more });
  using x = Tensor.from(device, values, { shape: [batch, length, width], requiresGrad: true });
  using block = make(1);
  const attended = await block.attention.forward({ x: await block.attentionNorm!.forward(x) });
  const y = add(x, attended);
  using wanted = add(y, await block.mlp.forward({ x: await block.mlpNorm!.forward(y) }));
  using got = await block.forward(x);
  assertSameBits(await got.data(), await wanted.data());
  using model = new Sequential([
    make(2),
    make(3, { gated: true, norm: "rms", bias: false, mlpWidth: 20 }),
  ]);
  using output = await model.forward(x);
  assert.deepEqual(output.shape, x.shape);
  using loss = sum(mul(output, output));
  await loss.backward();
  assert.ok(model.parameters().every(({ grad }) => grad !== undefined));
  assert.ok(model.namedParameters().has("layers.1.mlp.gate.weight"));
  assert.ok(
    model.parameters().every(({ name }) => !name.startsWith("layers.1") || !name.endsWith("bias")),
  );
});

Deno.test("blocks drop within training() alone, each at places of its own", async () => {
  using device = wasmDevice();
  const make = () =>
    new TransformerBlock(device, { width, heads: 3, dropout: 0.5, random: new RandomSource(1) });
  using one = make();
  using other = make();
  using x = Tensor.from(device, values, { shape: [batch, length, width] });
  const run = async (block: TransformerBlock, step?: number) => {
    const forward = () => block.forward(x);
    using y = await (step === undefined ? forward() : training({ seed: 1, step }, forward));
    return await y.data();
  };
  assertSameBits(await run(one), await run(other));
  assertSameBits(await run(one, 1), await run(one, 1));
  assertOtherBits(await run(one, 1), await run(one));
  assertOtherBits(await run(one, 1), await run(one, 2));
  assertOtherBits(await run(one, 1), await run(other, 1));
});

Deno.test("attention and blocks refuse wrong sizes and unknown options", () => {
  using device = wasmDevice();
  const wrong: readonly (readonly [options: object, message: RegExp])[] = [
    [{ width: 12, heads: 5 }, /heads to divide width .* width 12, heads 5/],
    [{ width: 12, heads: 4, keyHeads: 3 }, /keyHeads to divide heads/],
    [{ width: 0, heads: 1 }, /width to be an integer from 1, got 0/],
    [{ width: 12 }, /heads to be an integer from 1, got undefined/],
    [{ width: 12, heads: 3, numHeads: 3 }, /no option "numHeads"/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => new MultiHeadAttention(device, options as never), message);
    assert.throws(() => new TransformerBlock(device, options as never), message);
  }
});
