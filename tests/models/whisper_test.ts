import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { generate, generateBatch } from "../../src/models/generate.ts";
import { mostLikely } from "../../src/models/generation/next_token.ts";
import { newModel } from "../../src/models/new_model.ts";
import { Whisper } from "../../src/models/whisper.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { sum } from "../../src/ops/sum.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";

const config = smallEncoderConfigs.whisper;
const make = (device: Device, settings: object = {}) =>
  newModel(device, { ...config, ...settings }, { random: new RandomSource(3), model: Whisper });
const features = (device: Device, { rows = 1, frames = 8 } = {}) =>
  Tensor.from(device, Float32Array.from({ length: rows * 3 * frames }, (_, i) => Math.sin(i)), {
    shape: [rows, 3, frames],
  });

Deno.test("a new Whisper has sinusoidal positions in its encoder, which training leaves alone", async () => {
  using device = wasmDevice();
  using model = make(device);
  assert.equal(model.namedParameters().get("encoder.positions.weight"), undefined);
  const positions = model.namedBuffers().get("encoder.positions.weight")!;
  const values = await positions.data();
  assert.deepEqual(positions.shape, [4, 12]);
  const want = [0, 1, 2, 3].flatMap((t) =>
    [Math.sin, Math.cos].flatMap((f) =>
      [0, 1, 2, 3, 4, 5].map((k) => f(t * Math.exp(-k * Math.log(10000) / 5)))
    )
  );
  assertClose(values, want, { ofLargest: 1e-6 });
  using optim = new Adafactor(model.parameters(), { lr: 0.1 });
  using x = features(device);
  using labels = Tensor.from(device, [3, 5, 2], { shape: [1, 3], dtype: "u32" });
  const learned = model.namedParameters().get("decoder.positions.weight")!;
  const before = await learned.data();
  using loss = sum(await model.forward({ features: x, targets: model.targetsFor(labels) }));
  await optim.backward(loss);
  await optim.step();
  assert.equal(positions.grad, undefined);
  assertSameBits(await positions.data(), values);
  assertOtherBits(await learned.data(), before);
});

testOnEachDevice(
  "Whisper's targets attend to the recording and to earlier targets only",
  async (device) => {
    using model = make(device);
    const logitsOf = async (sound: readonly number[], written: readonly number[]) => {
      using features = Tensor.from(device, sound, { shape: [1, 3, 8] });
      using targets = Tensor.from(device, written, { shape: [1, 3], dtype: "u32" });
      using logits = await model.forward({ features, targets });
      return (await logits.data()).slice(11, 22);
    };
    const sound = Array.from({ length: 24 }, (_, i) => Math.cos(i));
    const given = await logitsOf(sound, [1, 4, 5]);
    assertSameBits(await logitsOf(sound, [1, 4, 9]), given);
    assertOtherBits(await logitsOf(sound, [1, 9, 5]), given);
    assertOtherBits(await logitsOf(sound.with(23, 2), [1, 4, 5]), given);
  },
);

testOnEachDevice(
  "Whisper refuses recordings of another size, and texts beyond its positions",
  async (device) => {
    using model = make(device);
    using targets = Tensor.from(device, [1, 2], { shape: [1, 2], dtype: "u32" });
    using short = features(device, { frames: 6 });
    await assert.rejects(
      model.forward({ features: short, targets }),
      /Whisper wants features of \[B, 3, 8\], mel bins and frames, got \[1, 3, 6\]/,
    );
    using two = features(device, { rows: 2 });
    await assert.rejects(
      model.forward({ features: two, targets }),
      /Whisper wants targets for each of 2 sources, got \[1, 2\]/,
    );
    using one = features(device);
    using long = Tensor.from(device, new Uint32Array(7), { shape: [1, 7] });
    await assert.rejects(
      model.forward({ features: one, targets: long }),
      /6 positions, .* 7 tokens/,
    );
  },
);

for (
  const [setting, message] of [
    [{ apply_spec_augment: true }, /apply_spec_augment must be false, got true/],
    [{ encoder_layerdrop: 0.1 }, /encoder_layerdrop must be 0, got 0\.1/],
    [{ decoder_layerdrop: 0.1 }, /decoder_layerdrop must be 0, got 0\.1/],
    [{ activation_function: "mish" }, /activation_function must be/],
    [{ is_encoder_decoder: false }, /is_encoder_decoder must be true/],
    [
      { encoder_attention_heads: 5 },
      /d_model must be a multiple of encoder_attention_heads, got 12/,
    ],
    [{ d_model: 9 }, /d_model must be even/],
    [{ pad_token_id: 11 }, /pad_token_id must be within the vocabulary of 11/],
    [{ decoder_start_token_id: 11 }, /decoder_start_token_id must be within the vocabulary of 11/],
  ] as const
) {
  Deno.test(`Whisper with ${JSON.stringify(setting)} is refused`, () => {
    using device = wasmDevice();
    assert.throws(() => make(device, setting), { name: "TypeError", message });
    assert.equal(device.statistics().liveBytes, 0);
  });
}

testOnEachDevice(
  "a Whisper with a cache writes what it writes without one, and keeps no memory",
  async (device) => {
    using model = make(device, { max_target_positions: 9 });
    using sounds = features(device, { rows: 3 });
    const prompt = [1, 4];
    const before = device.statistics().liveBytes;
    const options = { device, features: sounds, maxNewTokens: 7, stopTokens: [2] };
    const texts = await generateBatch(model, [prompt, prompt, prompt], options);
    assert.equal(device.statistics().liveBytes, before);
    for (const [row, text] of texts.entries()) {
      assert.deepEqual(text.slice(0, 2), prompt);
      const own = (await sounds.data()).slice(24 * row, 24 * row + 24);
      using one = Tensor.from(device, own, { shape: [1, 3, 8] });
      for (let length = 2; length < text.length; length++) {
        using targets = Tensor.from(device, Uint32Array.from(text.slice(0, length)), {
          shape: [1, length],
        });
        using logits = await model.forward({ features: one, targets });
        assert.equal(text[length], mostLikely((await logits.data()).slice(11 * (length - 1))));
      }
    }
    const first = texts[0][2];
    const others = await generate(model, prompt, {
      device,
      features: features(device),
      maxNewTokens: 3,
      suppressTokens: [texts[0][3]],
      beginSuppressTokens: [first],
    });
    assert.notEqual(others[2], first);
    assert.ok(!others.slice(2).includes(texts[0][3]) || texts[0][3] === first);
  },
);

Deno.test("generate() with a Whisper refuses what it cannot do, by name", async () => {
  using device = wasmDevice();
  using model = make(device);
  using sounds = features(device);
  const options = { device, features: sounds, maxNewTokens: 2 };
  await assert.rejects(generate(model, [1], { device, maxNewTokens: 2 }), {
    name: "TypeError",
    message: /A Whisper needs recordings: give features/,
  });
  await assert.rejects(generate(model, [1], { ...options, context: 3 }), /leave context out/);
  await assert.rejects(
    generate(model, [1], { ...options, maxNewTokens: 6 }),
    /A Whisper of 6 positions writes no text of 7 tokens/,
  );
  await assert.rejects(generateBatch(model, [[1], [1, 2]], options), /prompts of one length/);
  await assert.rejects(generateBatch(model, [[1], [1]], options), /targets for each of 1 sources/);
  using other = newModel(device, smallConfigs.gpt2, {
    random: new RandomSource(1),
    model: Decoder,
  });
  await assert.rejects(generate(other, [1], options), /A Decoder hears no recordings/);
});
