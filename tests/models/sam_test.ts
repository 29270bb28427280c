// SAM beyond its goldens: prompts, encoded images, recompute and dropout within windows, uneven splits, and what is refused.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { parallelize } from "../../src/models/parallelize.ts";
import type { Sam, SamInput } from "../../src/models/sam.ts";
import { add } from "../../src/ops/add.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import type { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { RandomValues } from "../support/device/random_values.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallSam } from "../support/models/small_configs.ts";
import { smallModel } from "../support/models/small_models.ts";
import { assertTrainsAsWhole, type Trainable } from "../support/nn/split_training.ts";

const ROUNDING = { absolute: 1e-5 };

function make(device: Device, vision: object = {}): Sam {
  const config = { ...smallSam, vision_config: { ...smallSam.vision_config, ...vision } };
  return smallModel(device, { config }) as Sam;
}

function images(device: Device, { first = 0, count = 2 } = {}): Tensor {
  const size = 2 * 10 * 10;
  const values = new RandomValues(5).signed(4 * size).slice(first * size, (first + count) * size);
  return Tensor.from(device, values, { shape: [count, 2, 10, 10] });
}

/** Two objects in each of four images. */
const prompts = {
  points: Array.from({ length: 4 }, (_, b) => [[[b, 3], [7, 2]], [[9, b], [1, 8]]] as const),
  labels: Array.from({ length: 4 }, (_, b) => [[1, 0], [b === 1 ? -10 : 1, -1]]),
  boxes: Array.from({ length: 4 }, (_, b) => [[0, b, 6, 7], [2, 1, 9, 8]] as const),
};
const promptsOf = (begin: number, end: number): SamInput => ({
  points: prompts.points.slice(begin, end),
  labels: prompts.labels.slice(begin, end),
  boxes: prompts.boxes.slice(begin, end),
});

async function numbersOf(promise: Promise<Tensor>): Promise<Float32Array> {
  using tensor = await promise;
  return await tensor.data();
}

Deno.test("SAM gives several objects of an image the masks that each has alone, from pixels or from encoded images", async () => {
  using device = wasmDevice();
  using model = make(device);
  using pixels = images(device);
  const both = await numbersOf(model.forward({ pixels, ...promptsOf(0, 2) }));
  const { masks, scores } = await model.segment({ pixels, ...promptsOf(0, 2) });
  assert.deepEqual([masks.shape, scores.shape], [[2, 2, 3, 20, 20], [2, 2, 3]]);
  assertSameBits(await masks.data(), both);
  masks[Symbol.dispose]();
  scores[Symbol.dispose]();
  using once = await model.encode({ pixels });
  using encoded = once.copy();
  const perObject = both.length / 4;
  for (const [p, at] of [[0, 0], [1, 1]]) {
    const one = {
      points: prompts.points.slice(0, 2).map((image) => [image[p]]),
      labels: prompts.labels.slice(0, 2).map((image) => [image[p]]),
      boxes: prompts.boxes.slice(0, 2).map((image) => [image[p]]),
    };
    const alone = await numbersOf(model.forward({ encoded, ...one }));
    for (const b of [0, 1]) {
      const expected = both.slice((2 * b + at) * perObject, (2 * b + at + 1) * perObject);
      assertClose(alone.slice(b * perObject, (b + 1) * perObject), expected, ROUNDING);
    }
  }
  const plain = { pixels, points: promptsOf(0, 2).points };
  const labelled = { ...plain, labels: [[[1, 1], [1, 1]], [[1, 1], [1, 1]]] };
  assertSameBits(
    await numbersOf(model.forward(plain)),
    await numbersOf(model.forward(labelled)),
  );
  using first = await model.forward({ pixels, outputs: "one" });
  assert.deepEqual(first.shape, [2, 1, 1, 20, 20]);
});

Deno.test("SAM refuses prompts that do not fit, before anything is computed", async () => {
  using device = wasmDevice();
  using model = make(device);
  using pixels = images(device, { count: 1 });
  using masks = Tensor.from(device, new Float32Array(400), { shape: [1, 1, 10, 40] });
  const cases: [SamInput, string, RegExp][] = [
    [{}, "TypeError", /either pixels or encoded images/],
    [{ pixels, encoded: pixels }, "TypeError", /either pixels or encoded images/],
    [{ encoded: pixels }, "RangeError", /encoded images of \[B, 16, 5, 5\], got \[1, 2, 10, 10\]/],
    [{ pixels, labels: [[[1]]] }, "TypeError", /labels of points and no points/],
    [
      { pixels, points: [[[[1, 2]], [[1, 2], [3, 4]]]] },
      "RangeError",
      /got lists of 1 and 2: fill/,
    ],
    [{ pixels, points: [[[[1, NaN]]]] }, "RangeError", /points of \[B, P, N, 2\].*got NaN/],
    [{ pixels, points: [[[]]] }, "RangeError", /got 0 of N/],
    [{ pixels, points: [[[[1, 2]]]], labels: [[[1, 1]]] }, "RangeError", /a label of every point/],
    [{ pixels, points: [[[[1, 2]]]], labels: [[[2]]] }, "RangeError", /labels 1 .*got 2/],
    [{ pixels, ...promptsOf(0, 2) }, "RangeError", /got 1 images and prompts of 2/],
    [
      { pixels, points: [[[[1, 2]]]], boxes: [[[1, 2, 3, 4], [1, 2, 3, 4]]] },
      "RangeError",
      /as many/,
    ],
    [{ pixels, masks }, "RangeError", /masks of \[1, 1, 20, 20\].*got \[1, 1, 10, 40\]/],
  ];
  for (const [input, name, message] of cases) {
    await assert.rejects(model.forward(input), { name, message });
  }
});

Deno.test("SAM's settings that do not fit together are refused by name", () => {
  using device = wasmDevice();
  const { vision_config: vision, prompt_encoder_config: encoder, mask_decoder_config: decoder } =
    smallSam;
  const cases: [object, RegExp][] = [
    [
      { vision_config: { ...vision, num_attention_heads: 5 } },
      /vision_config\.hidden_size .*12 and 5/,
    ],
    [{ vision_config: { ...vision, output_channels: 8 } }, /output_channels must be .*8 and 16/],
    [{ vision_config: { ...vision, num_pos_feats: 4 } }, /num_pos_feats must be .*8 and 16/],
    [{ vision_config: { ...vision, image_size: [10, 10] } }, /vision_config\.image_size must be/],
    [{ vision_config: { ...vision, window_size: -1 } }, /vision_config\.window_size must be >=0/],
    [
      { vision_config: { ...vision, window_size: 127 } },
      /use_rel_pos is supported where .*got 258/,
    ],
    [{ vision_config: { ...vision, hidden_act: "relu6" } }, /vision_config\.hidden_act must be/],
    [{ vision_config: { ...vision, patch_size: 11 } }, /patch_size must not be larger/],
    [
      { prompt_encoder_config: { ...encoder, image_size: 12 } },
      /image_embedding_size must be .*6 and 5/,
    ],
    [
      { prompt_encoder_config: { ...encoder, hidden_size: 8 } },
      /prompt_encoder_config\.hidden_size/,
    ],
    [{ prompt_encoder_config: { ...encoder, mask_input_channels: 6 } }, /multiple of 4, got 6/],
    [{ prompt_encoder_config: { ...encoder, num_point_embeddings: 1 } }, /num_point_embeddings/],
    [{ mask_decoder_config: { ...decoder, num_attention_heads: 16 } }, /hidden_size \/ 2 must be/],
    [
      { mask_decoder_config: { ...decoder, attention_downsample_rate: 5 } },
      /hidden_size \/ 5 must/,
    ],
    [
      { mask_decoder_config: { ...decoder, num_hidden_layers: 0 } },
      /num_hidden_layers must be >=1/,
    ],
  ];
  for (const [changes, message] of cases) {
    assert.throws(() => smallModel(device, { config: { ...smallSam, ...changes } }), {
      name: "TypeError",
      message,
    });
  }
  assert.equal(device.statistics().liveBytes, 0);
});

Deno.test("SAM with two kinds of points takes points and refuses boxes", async () => {
  using device = wasmDevice();
  const encoder = { ...smallSam.prompt_encoder_config, num_point_embeddings: 2 };
  const config = { ...smallSam, prompt_encoder_config: encoder };
  using model = smallModel(device, { config }) as Sam;
  using pixels = images(device, { count: 1 });
  (await model.forward({ pixels, points: [[[[1, 2]]]] }))[Symbol.dispose]();
  await assert.rejects(
    model.forward({ pixels, boxes: [[[1, 2, 3, 4]]] }),
    /none for corners of boxes/,
  );
});

Deno.test("SAM drops weights of attention within windows by the images' place in the whole batch, on any ranks", async () => {
  const dropout = { seed: 1, step: 1, probability: 0.3 };
  using device = wasmDevice();
  using model = make(device, { attention_dropout: 0.1 });
  using all = images(device, { count: 4 });
  using last = images(device, { first: 2 });
  const input = { pixels: all, ...promptsOf(0, 4) };
  const plain = await numbersOf(model.forward(input));
  const dropped = await numbersOf(model.forward({ ...input, dropout }));
  assertOtherBits(dropped, plain);
  const part = { pixels: last, ...promptsOf(2, 4), dropout: { ...dropout, firstRow: 2 } };
  assertClose(await numbersOf(model.forward(part)), dropped.slice(dropped.length / 2), ROUNDING);
  const split = await inProcessRanks(2, async (world) => {
    using device = wasmDevice();
    using model = make(device, { attention_dropout: 0.1 });
    await parallelize(model, ProcessGroupMesh.over(world, 2));
    using pixels = images(device, { count: 4 });
    return await numbersOf(model.forward({ pixels, ...promptsOf(0, 4), dropout }));
  });
  for (const each of split) assertClose(each, dropped, ROUNDING);
});

Deno.test("SAM's gradients have the same bits with recomputed blocks", async () => {
  const found = await Promise.all((["nothing", "blocks"] as const).map(async (how) => {
    using device = wasmDevice();
    using model = make(device, { attention_dropout: 0.1 });
    model.recompute = how;
    assert.equal(model.recompute, how);
    using pixels = images(device);
    const dropout = { seed: 1, step: 1 };
    using masks = await model.forward({ pixels, ...promptsOf(0, 2), dropout });
    using loss = mean(mul(masks, masks));
    await loss.backward();
    const gradients = new Map<string, Uint8Array>();
    for (const [name, { grad }] of model.namedParameters()) {
      if (grad !== undefined) gradients.set(name, await grad.bytes());
    }
    return gradients;
  }));
  assert.ok(found[0].size > 100);
  assertSameBits(found[1], found[0]);
});

/** Without parameters that these prompts give no gradient, and keys' biases, whose gradients are rounding errors. */
class Trained implements Trainable {
  readonly #model: Sam;
  readonly #pixels: Tensor;

  constructor(model: Sam) {
    this.#model = model;
    this.#pixels = images(model.parameters()[0].device);
  }

  namedParameters(): Map<string, Parameter> {
    const unused = /^prompts\.masks\.|ttention\.(key|qkv)\.bias$/;
    return new Map([...this.#model.namedParameters()].filter(([name]) => !unused.test(name)));
  }

  async loss(): Promise<Tensor> {
    const input = { pixels: this.#pixels, ...promptsOf(0, 2) };
    const { masks, scores } = await this.#model.segment(input);
    return add(mean(mul(masks, masks)), mean(mul(scores, scores)));
  }

  [Symbol.dispose](): void {
    this.#model[Symbol.dispose]();
    this.#pixels[Symbol.dispose]();
  }
}

for (const [tensor, zero] of [[2, 1], [3, 1], [2, 2]] as const) {
  Deno.test(`SAM with 3 and 2 heads, on tensor ${tensor} x ZeRO ${zero}, trains as on one rank`, async () => {
    await assertTrainsAsWhole({
      tensor,
      zero,
      tolerance: 2e-4,
      whole: (device) => new Trained(make(device)),
      split: async (device, { mesh }) => {
        const model = make(device);
        await parallelize(model, mesh);
        return new Trained(model);
      },
    });
  });
}
