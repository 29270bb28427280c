// Encoders, T5 and BLIP-2 with settings that no golden has, split over ranks and whole: heads, features and tokens that do not divide by the
// ranks, tied and not, plain and gated.

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { BertClassifier } from "../../../src/models/bert_classifier.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { parallelize } from "../../../src/models/parallelize.ts";
import { type CheckpointForm, PretrainedModel } from "../../../src/models/pretrained_model.ts";
import { type Layer, Module } from "../../../src/nn/module.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { scale } from "../../../src/ops/scale.ts";
import type { Parameter } from "../../../src/tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { assertTrainsAsWhole, type Trainable } from "../../support/nn/split_training.ts";
import { smallEncoderConfigs } from "../../support/models/small_configs.ts";
import {
  smallClassifiers,
  smallLogits,
  smallLoss,
  smallMaskedModels,
  smallModel,
} from "../../support/models/small_models.ts";

const { bert, bertClassifier, t5, vit } = smallEncoderConfigs;

/** A model without the parameters whose gradients are rounding errors, or that have none: their updates are random, or 0. */
class Trained implements Trainable {
  readonly #model: PretrainedModel;
  readonly #loss: () => Promise<Tensor>;

  constructor(model: PretrainedModel, loss = () => smallLoss(model)) {
    this.#model = model;
    this.#loss = loss;
  }

  namedParameters(): Map<string, Parameter> {
    const all = this.#model.namedParameters();
    return new Map(
      [...all].filter(([name]) => !/ttention\.(key|qkv)\.bias$|^unusedBias$/.test(name)),
    );
  }

  loss(): Promise<Tensor> {
    return this.#loss();
  }

  [Symbol.dispose](): void {
    this.#model[Symbol.dispose]();
  }
}

for (const [tensor, zero] of [[2, 1], [3, 1], [2, 2]] as const) {
  const ranks = `tensor ${tensor} x ZeRO ${zero}`;
  for (const [what, each] of Object.entries(smallMaskedModels)) {
    for (const gatherLogits of [true, false]) {
      const how = gatherLogits ? "with gathered logits" : "without gathering logits";
      Deno.test(`${what}, on ${ranks} trains as on one rank, ${how}`, async () => {
        await assertTrainsAsWhole({
          tensor,
          zero,
          tolerance: TOLERANCE,
          whole: (device) => new Trained(smallModel(device, each)),
          split: async (device, { mesh, group: processGroup }) => {
            const model = smallModel(device, each);
            await parallelize(model, mesh, { gatherLogits });
            const numClasses = 11;
            return gatherLogits
              ? new Trained(model)
              : new Trained(model, () => smallLoss(model, { processGroup, numClasses }));
          },
        });
      });
    }
  }
  for (const [what, each] of Object.entries(smallClassifiers)) {
    Deno.test(`${what}, on ${ranks} trains as on one rank`, async () => {
      await assertTrainsAsWhole({
        tensor,
        zero,
        tolerance: TOLERANCE,
        whole: (device) => new Trained(smallModel(device, each)),
        split: async (device, { mesh }) => {
          const model = smallModel(device, each);
          await parallelize(model, mesh);
          return new Trained(model);
        },
      });
    });
  }
}

Deno.test("parallelize() keeps names, and replicates layers before norms and positions, and biases after an all-reduce", async () => {
  await inProcessRanks(2, async (world) => {
    using device = wasmDevice();
    const mesh = ProcessGroupMesh.over(world, 2);
    for (const each of Object.values({ ...smallMaskedModels, ...smallClassifiers })) {
      using whole = smallModel(device, each);
      using model = smallModel(device, each);
      await parallelize(model, mesh);
      const parameters = model.namedParameters();
      assert.deepEqual([...parameters.keys()], [...whole.namedParameters().keys()]);
      // A pooler before a norm is whole, as the norm is of all features.
      const poolerIsWhole = model instanceof BertClassifier && model.norm !== undefined;
      for (const [name, { layout }] of parameters) {
        const isWhole = WHOLE.test(name) || (poolerIsWhole && name.startsWith("pooler."));
        assert.equal(layout.splits.length, isWhole ? 0 : 1, name);
      }
    }
  });
});

Deno.test("parallelize() refuses encoders and T5 that cannot be split, on all ranks, and changes nothing", async () => {
  const narrow = { ...bert, intermediate_size: 2 };
  const refused = [
    [bert, {}, { name: "RangeError", message: /3 heads with 3 heads of keys over 4 ranks/ }],
    [t5, {}, { name: "RangeError", message: /3 heads with 3 heads of keys over 4 ranks/ }],
    [vit, {}, { name: "RangeError", message: /3 heads with 3 heads of keys over 4 ranks/ }],
    [{ ...narrow, hidden_size: 8, num_attention_heads: 4 }, {}, {
      name: "RangeError",
      message: /2 output features of encoder\.blocks\.0\.mlp\.up\.weight over 4 ranks/,
    }],
    [bertClassifier, { gatherLogits: false }, {
      name: "TypeError",
      message: /logits of a BertClassifier on the ranks of their classes: leave gatherLogits out/,
    }],
    [vit, { gatherLogits: false }, { name: "TypeError", message: /logits of a VitClassifier/ }],
  ] as const;
  await inProcessRanks(4, async (world) => {
    using device = wasmDevice();
    const mesh = ProcessGroupMesh.over(world, 4);
    for (const [config, options, error] of refused) {
      using model = smallModel(device, { config });
      await assertRefused(model, () => assert.rejects(parallelize(model, mesh, options), error));
    }
  });
});

Deno.test("parallelize() names the replaced layer of a model that it refuses, and a class without planSplit()", async () => {
  await inProcessRanks(2, async (world) => {
    using device = wasmDevice();
    const mesh = ProcessGroupMesh.over(world, 2);
    using model = newModel(device, bertClassifier, {
      random: new RandomSource(3),
      model: BertClassifier,
    });
    // The last one that is checked.
    model.classifier = new Doubled(model.classifier);
    await assertRefused(model, () =>
      assert.rejects(parallelize(model, mesh), {
        name: "TypeError",
        message: /Cannot split classifier, which is a Doubled/,
      }));
    using other = new Pooler(model.form, model.pooler);
    await assert.rejects(parallelize(other, mesh), {
      name: "TypeError",
      message: /Cannot split a Pooler over ranks: its class does not define planSplit\(\)/,
    });
  });
});

/** Asserts that `refused` changes neither the model's parameters nor its logits. */
async function assertRefused(model: PretrainedModel, refused: () => Promise<void>): Promise<void> {
  const parameters = model.parameters();
  using before = await smallLogits(model);
  await refused();
  assert.deepEqual(model.parameters(), parameters);
  using after = await smallLogits(model);
  assertSameBits(await after.data(), await before.data());
}

/** A layer that a user might put in the place of another. */
class Doubled extends Module<FloatTensor> {
  readonly layer: Layer;

  constructor(layer: Layer) {
    super();
    this.layer = layer;
  }

  override async forward(x: FloatTensor): Promise<Tensor> {
    return scale(await this.layer.forward(x), 2);
  }
}

/** A model class without planSplit(). */
class Pooler extends PretrainedModel<FloatTensor> {
  readonly pooler: Layer;

  constructor(form: CheckpointForm, pooler: Layer) {
    super(form);
    this.pooler = pooler;
  }

  override forward(x: FloatTensor): Promise<Tensor> {
    return this.pooler.forward(x);
  }
}

const WHOLE =
  /norm\.|Norm\.|positions|tokenTypes|^transform|classToken|patches|Convolution|queries|^projection|(output|down|classifier)\.bias$|^unusedBias$/;

// Gradients of queries and keys are small differences of larger numbers, and Adafactor scales them up.
const TOLERANCE = 5e-4;
