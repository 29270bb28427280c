import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { newModel } from "../../src/models/new_model.ts";
import { VitClassifier } from "../../src/models/vit.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

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
