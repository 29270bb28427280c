import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { newModel } from "../../src/models/new_model.ts";
import { VitClassifier } from "../../src/models/vit.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { RandomValues } from "../support/device/random_values.ts";

const config = {
  model_type: "vit",
  architectures: ["ViTForImageClassification"],
  hidden_size: 6,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 8,
  image_size: [5, 7],
  patch_size: [2, 3],
  num_channels: 2,
  initializer_range: 0.3,
};

const make = (device: Device, settings: object = {}) =>
  newModel(device, { ...config, ...settings }, {
    random: new RandomSource(3),
    model: VitClassifier,
  });

testOnEachDevice(
  "ViT embeds patches like a convolution, after the class token",
  async (device) => {
    using model = make(device);
    const { embeddings } = model;
    const pixels = new RandomValues(5).signed(2 * 2 * 5 * 7);
    using images = Tensor.from(device, pixels, { shape: [2, 2, 5, 7] });
    using embedded = await embeddings.forward(images);
    const [classToken, positions, kernel, bias] = await Promise.all(
      [
        embeddings.classToken,
        embeddings.positions,
        embeddings.patches.weight,
        embeddings.patches.bias,
      ]
        .map((each) => each.data()),
    );
    const expected: number[] = [];
    for (let b = 0; b < 2; b++) {
      for (let d = 0; d < 6; d++) expected.push(classToken[d] + positions[d]);
      for (let patch = 0; patch < 4; patch++) {
        const [top, left] = [2 * Math.floor(patch / 2), 3 * (patch % 2)];
        for (let d = 0; d < 6; d++) {
          let sum = bias[d] + positions[(1 + patch) * 6 + d];
          for (let c = 0; c < 2; c++) {
            for (let i = 0; i < 2; i++) {
              for (let j = 0; j < 3; j++) {
                sum += kernel[((d * 2 + c) * 2 + i) * 3 + j] *
                  pixels[((b * 2 + c) * 5 + top + i) * 7 + left + j];
              }
            }
          }
          expected.push(sum);
        }
      }
    }
    assert.deepEqual(embedded.shape, [2, 5, 6]);
    const values = await embedded.data();
    expected.forEach((each, at) => assert.ok(Math.abs(values[at] - each) < 1e-5, `at ${at}`));
  },
);

testOnEachDevice("ViT refuses images of another size", async (device) => {
  using model = make(device);
  using pixels = Tensor.from(device, new Float32Array(2 * 7 * 5), { shape: [1, 2, 7, 5] });
  await assert.rejects(
    model.forward({ pixels }),
    /wants images of \[B, 2, 5, 7\], got \[1, ?2, ?7, ?5\]: scale them/,
  );
});

testOnEachDevice("ViT with patches larger than images is refused", async (device) => {
  await Promise.resolve();
  assert.throws(
    () => make(device, { patch_size: 6 }),
    /patch_size must not be larger than image_size, got 6 x 6 and 5 x 7/,
  );
});
