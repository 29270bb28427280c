import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { DecoderInput } from "../../src/models/decoder.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { generate } from "../../src/models/generate.ts";
import { newModel } from "../../src/models/new_model.ts";
import { Module } from "../../src/nn/module.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { smallConfigs } from "../support/models/small_configs.ts";

/** After a token t, logits of t + 1 (mod 4) are 3, of t + 2 are 2, and of others 0. */
class Counting extends Module<DecoderInput> {
  readonly seen: number[][] = [];

  override forward({ tokens }: DecoderInput): Promise<Tensor> {
    const text = tokens.indices!;
    this.seen.push([...text]);
    const logits = [...text].flatMap((token) =>
      [0, 1, 2, 3].map((next) => [0, 3, 2, 0][(next - token + 4) % 4])
    );
    return Promise.resolve(Tensor.from(tokens.device, logits, { shape: [1, text.length, 4] }));
  }
}

const random = () => new RandomSource(5).stream();

async function counted(device: Device, count: number, sampling: object): Promise<number[]> {
  const shares = [0, 0, 0, 0];
  const text = await generate(new Counting(), [0], {
    device,
    maxNewTokens: count,
    context: 1,
    sampling: { temperature: 1, random: random(), ...sampling },
  });
  for (let t = 1; t < text.length; t++) shares[(text[t] - text[t - 1] + 4) % 4] += 1 / count;
  return shares;
}

Deno.test("generate() appends the most likely token, given the whole text or its end", async () => {
  using device = wasmDevice();
  const model = new Counting();
  const text = await generate(model, [2, 2], { device, maxNewTokens: 3 });
  assert.deepEqual(text, [2, 2, 3, 0, 1]);
  assert.deepEqual(model.seen, [[2, 2], [2, 2, 3], [2, 2, 3, 0]]);
  const short = new Counting();
  await generate(short, [2, 2], { device, maxNewTokens: 3, context: 2 });
  assert.deepEqual(short.seen, [[2, 2], [2, 3], [3, 0]]);
});

Deno.test("generate() ends after a stop token", async () => {
  using device = wasmDevice();
  const options = { device, maxNewTokens: 9, stopTokens: [1] };
  assert.deepEqual(await generate(new Counting(), [2], options), [2, 3, 0, 1]);
});

Deno.test("generate() samples tokens with their probabilities", async () => {
  using device = wasmDevice();
  const near = (actual: number[], logits: number[]) => {
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    for (const [k, logit] of logits.entries()) {
      const expected = Math.exp(logit) / total;
      assert.ok(
        Math.abs(actual[k] - expected) < 0.04,
        `${k}: wanted ${expected}, got ${actual[k]}`,
      );
    }
  };
  near(await counted(device, 1500, {}), [0, 3, 2, 0]);
  near(await counted(device, 1500, { temperature: 2 }), [0, 1.5, 1, 0]);
  near(await counted(device, 1500, { topK: 2 }), [-Infinity, 3, 2, -Infinity]);
  near(await counted(device, 50, { topK: 1 }), [-Infinity, 3, -Infinity, -Infinity]);
});

Deno.test("generate() returns the same text with the same stream, and keeps no memory", async () => {
  using device = wasmDevice();
  using model = newModel(device, smallConfigs.llama, {
    random: new RandomSource(1),
    model: Decoder,
  });
  const write = (stream = random()) =>
    generate(model, [1, 2], {
      device,
      maxNewTokens: 12,
      sampling: { temperature: 1, random: stream },
    });
  const text = await write();
  assert.equal(text.length, 14);
  const before = device.statistics().liveBytes;
  assertSameBits(await write(), text);
  assertOtherBits(await write(new RandomSource(6).stream()), text);
  assert.equal(device.statistics().liveBytes, before);
});

Deno.test("generate() refuses options out of range", async () => {
  using device = wasmDevice();
  const refuses = async (text: number[], options: object, message: RegExp) => {
    const all = { device, maxNewTokens: 1, ...options };
    await assert.rejects(generate(new Counting(), text, all), { name: "RangeError", message });
  };
  await refuses([], {}, /a text to continue, got no tokens/);
  await refuses([1], { maxNewTokens: -1 }, /maxNewTokens to be an integer from 0, got -1/);
  await refuses([1], { context: 0 }, /context to be an integer from 1, got 0/);
  const sampling = { temperature: 1, random: random() };
  await refuses([1], { sampling: { ...sampling, temperature: 0 } }, /temperature above 0, got 0/);
  await refuses([1], { sampling: { ...sampling, topK: 0 } }, /topK to be an integer from 1, got 0/);
});
