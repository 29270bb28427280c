// BLIP-2: where images stand in texts, and what is refused by name.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Blip2 } from "../../src/models/blip2.ts";
import { KeyValueCache } from "../../src/models/cache/key_value_cache.ts";
import { generate } from "../../src/models/generate.ts";
import { newModel } from "../../src/models/new_model.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { RandomValues } from "../support/device/random_values.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";
import { smallModel } from "../support/models/small_models.ts";

const { blip2, blip2T5 } = smallEncoderConfigs;
const IMAGE = 8;

const small = (device: Device, config: object = blip2) =>
  smallModel(device, { config: config as Record<string, unknown> }) as Blip2;
const images = (device: Device, count: number, seed = 5) =>
  Tensor.from(device, new RandomValues(seed).signed(count * 75), { shape: [count, 3, 5, 5] });
const texts = (device: Device, rows: readonly (readonly number[])[]) =>
  Tensor.from(device, rows.flat(), { shape: [rows.length, rows[0].length], dtype: "u32" });

Deno.test("every text sees its own image, wherever its image tokens are", async () => {
  using device = wasmDevice();
  using model = small(device);
  const logits = async (rows: readonly (readonly number[])[], pixels: Tensor) => {
    using tokens = texts(device, rows);
    using y = await model.forward({ tokens, pixels });
    return await y.data();
  };
  const [first, second] = [[IMAGE, IMAGE, 3, 5], [2, IMAGE, 4, IMAGE]];
  using both = images(device, 2);
  const together = await logits([first, second], both);
  const values = await both.data();
  for (const [row, tokens] of [first, second].entries()) {
    using own = Tensor.from(device, values.slice(75 * row, 75 * row + 75), {
      shape: [1, 3, 5, 5],
    });
    const alone = await logits([tokens], own);
    assertClose(together.subarray(44 * row, 44 * row + 44), alone, { ofLargest: 1e-5 });
    using other = images(device, 1, 6);
    assertOtherBits(await logits([tokens], other), alone);
  }
  // What comes before the first image token does not see it.
  const [seen, other] = [images(device, 1), images(device, 1, 6)];
  const [one, two] = [await logits([second], seen), await logits([second], other)];
  assertSameBits(one.subarray(0, 11), two.subarray(0, 11));
});

Deno.test("the embedding of the image token itself has no effect and no gradient", async () => {
  using device = wasmDevice();
  using model = small(device, {
    ...blip2,
    text_config: { ...blip2.text_config, tie_word_embeddings: false },
  });
  using tokens = texts(device, [[IMAGE, IMAGE, 3, 5]]);
  using pixels = images(device, 1);
  using y = await model.forward({ tokens, pixels });
  using loss = mean(mul(y, y));
  await loss.backward();
  const table = model.namedParameters().get("language.tokens.weight")!;
  const gradient = await table.grad!.data();
  assert.ok(gradient.subarray(12 * IMAGE, 12 * IMAGE + 12).every((value) => value === 0));
  assert.ok(gradient.subarray(12 * 3, 12 * 3 + 12).some((value) => value !== 0));
  assert.ok((await model.qformer.queries.grad!.data()).some((value) => value !== 0));
});

Deno.test("texts with a wrong number of image tokens, or of images, are refused, and padding is no image", async () => {
  using device = wasmDevice();
  using model = small(device);
  using pixels = images(device, 1);
  using two = images(device, 2);
  using none = texts(device, [[3, 5]]);
  await assert.rejects(model.forward({ tokens: none, pixels }), {
    name: "RangeError",
    message: /2 image tokens \(8\) in every text, got 0 in text 0: put them before/,
  });
  using three = texts(device, [[IMAGE, IMAGE, 3, IMAGE]]);
  await assert.rejects(model.forward({ tokens: three, pixels }), /got 3 in text 0/);
  using mask = texts(device, [[1, 1, 1, 0]]);
  using y = await model.forward({ tokens: three, pixels, mask });
  assert.deepEqual(y.shape, [1, 4, 11]);
  await assert.rejects(
    model.forward({ tokens: three, pixels: two, mask }),
    /an image for every text, got 2 images and 1 texts/,
  );
});

Deno.test("withImageTokens() puts as many image tokens before a text as there are queries", () => {
  using device = wasmDevice();
  using model = small(device);
  assert.deepEqual(model.withImageTokens([2, 3]), [IMAGE, IMAGE, 2, 3]);
});

Deno.test("targets are for a T5 alone", async () => {
  using device = wasmDevice();
  using opt = small(device);
  using t5 = small(device, blip2T5);
  using tokens = texts(device, [[IMAGE, IMAGE, 3]]);
  using pixels = images(device, 1);
  await assert.rejects(opt.forward({ tokens, pixels, targets: tokens }), /takes no targets/);
  assert.throws(() => opt.targetsFor(tokens), /has a decoder, which needs no targets/);
  await assert.rejects(t5.forward({ tokens, pixels }), /needs targets: give those of targetsFor/);
  const targets = t5.targetsFor(tokens);
  await assert.rejects(t5.forward({ tokens, pixels, targets, logits: "last" }), /no `logits`/);
});

Deno.test("generate() needs images for BLIP-2, and for no other model", async () => {
  using device = wasmDevice();
  using model = small(device);
  using pixels = images(device, 1);
  const tokens = model.withImageTokens([2]);
  const options = { device, maxNewTokens: 1 };
  await assert.rejects(generate(model, tokens, options), /A Blip2 needs images: give pixels/);
  await assert.rejects(
    generate(model, tokens, { ...options, pixels, context: 3 }),
    /leave context out/,
  );
  using gpt2 = newModel(device, smallConfigs.gpt2, { random: new RandomSource(1) });
  await assert.rejects(
    generate(gpt2 as never, [2], { ...options, pixels }),
    /A Decoder sees no images: leave pixels out/,
  );
});

Deno.test("a cached token costs no look at the image, and the cached logits are those of whole texts", async () => {
  using device = wasmDevice();
  using model = small(device);
  using pixels = images(device, 1);
  using cache = new KeyValueCache();
  using tokens = texts(device, [[IMAGE, IMAGE, 3, 5]]);
  using next = texts(device, [[IMAGE]]);
  using first = await model.forward({ tokens, pixels, cache });
  const before = device.statistics().kernelsRun;
  // An image token that is written is a token as any other.
  using second = await model.forward({ tokens: next, pixels, cache });
  const cost = device.statistics().kernelsRun - before;
  using whole = await model.forward({ tokens, pixels });
  assertClose(await first.data(), await whole.data(), { ofLargest: 1e-5 });
  assert.ok(cost < device.statistics().kernelsRun - before - cost, "the image is not seen again");
  assert.deepEqual(second.shape, [1, 1, 11]);
});

Deno.test("unsupported settings of BLIP-2 are refused by name, before anything is allocated", () => {
  const { vision_config: vision, qformer_config: qformer, text_config: text } = blip2;
  const cases: [config: object, message: RegExp][] = [
    [{ ...blip2, image_token_index: null }, /image_token_index must be given/],
    [{ ...blip2, image_token_index: -1 }, /image_token_index must be >=0, got -1/],
    [{ ...blip2, num_query_tokens: 0 }, /num_query_tokens must be >=1/],
    [{ ...blip2, architectures: ["Blip2ForImageTextRetrieval"] }, /Blip2ForImageTextRetrieval/],
    [{ ...blip2, vision_config: [] }, /vision_config: it must be an object/],
    [
      { ...blip2, vision_config: { ...vision, image_size: [5, 5] } },
      /vision_config: image_size must be number/,
    ],
    [
      { ...blip2, vision_config: { ...vision, patch_size: 6 } },
      /vision_config: patch_size must not be larger than image_size, got 6 and 5/,
    ],
    [
      { ...blip2, vision_config: { ...vision, num_attention_heads: 5 } },
      /vision_config: hidden_size must be a multiple of num_attention_heads, got 12 and 5/,
    ],
    [
      { ...blip2, qformer_config: { ...qformer, hidden_act: "mish" } },
      /qformer_config: hidden_act must be/,
    ],
    [
      { ...blip2, qformer_config: { ...qformer, cross_attention_frequency: 0 } },
      /qformer_config: cross_attention_frequency must be >=1/,
    ],
    [
      { ...blip2, qformer_config: { ...qformer, position_embedding_type: "relative_key" } },
      /qformer_config: position_embedding_type must be "absolute"/,
    ],
    [
      { ...blip2, text_config: { model_type: "bert" } },
      /text_config: model_type bert is not supported as a language model: gpt2, /,
    ],
    [
      { ...blip2, text_config: { ...text, word_embed_proj_dim: 6 } },
      /text_config: embeddings must have as many features as blocks/,
    ],
    [{ ...blip2, text_config: { ...text, layerdrop: 0.1 } }, /text_config: layerdrop must be 0/],
  ];
  using device = wasmDevice();
  const before = device.statistics().liveBytes;
  for (const [config, message] of cases) {
    assert.throws(
      () => newModel(device, config as Record<string, unknown>, { random: new RandomSource(1) }),
      { name: "TypeError", message },
    );
    assert.equal(device.statistics().liveBytes, before);
  }
});

Deno.test("image_token_id is another name of image_token_index, and OPT the default language model", () => {
  using device = wasmDevice();
  const { image_token_index: image_token_id, ...config } = blip2;
  const { model_type: _, ...text_config } = blip2.text_config;
  using model = newModel(device, { ...config, image_token_id, text_config }, {
    random: new RandomSource(1),
    model: Blip2,
  });
  assert.equal(model.description.imageToken, IMAGE);
  assert.equal(model.language.form.config.values.model_type, "opt");
});
