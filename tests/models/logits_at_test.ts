// Logits of some tokens are those rows of the logits of all, with the same gradients.

import assert from "node:assert/strict";
import { Tensor } from "../../src/tensor/tensor.ts";
import { BertMaskedLm } from "../../src/models/bert.ts";
import { KeyValueCache } from "../../src/models/cache/key_value_cache.ts";
import { Decoder } from "../../src/models/decoder.ts";
import type { PretrainedModel } from "../../src/models/pretrained_model.ts";
import { T5 } from "../../src/models/t5.ts";
import { Whisper } from "../../src/models/whisper.ts";
import { embeddingAt } from "../../src/ops/embedding.ts";
import { mul } from "../../src/ops/mul.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { sum } from "../../src/ops/sum.ts";
import { assertClose } from "../support/assert_close.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";
import { smallModel } from "../support/models/small_models.ts";

/** The last place is there twice, as padding would be. */
const AT = Uint32Array.of(4, 0, 2, 2);
const MODELS = {
  "GPT-2": { config: smallConfigs.gpt2 },
  "OPT": { config: smallConfigs.opt },
  "BERT": { config: smallEncoderConfigs.bert },
  "T5": { config: smallEncoderConfigs.t5 },
  "Whisper": { config: smallEncoderConfigs.whisper },
};

async function forward(model: PretrainedModel, logitsAt: Uint32Array | undefined): Promise<Tensor> {
  const [{ device }] = model.parameters();
  const indices = (values: readonly number[]) =>
    Tensor.from(device, values, { shape: [2, 3], dtype: "u32" });
  const tokens = indices([3, 5, 2, 10, 6, 4]);
  if (model instanceof Decoder) return await model.forward({ tokens, logitsAt });
  if (model instanceof BertMaskedLm) return await model.forward({ tokens, logitsAt });
  const targets = indices([0, 1, 2, 0, 7, 7]);
  if (model instanceof Whisper) {
    const features = Float32Array.from({ length: 48 }, (_, i) => Math.sin(i));
    return await model.forward({
      features: Tensor.from(device, features, { shape: [2, 3, 8] }),
      targets,
      logitsAt,
    });
  }
  assert.ok(model instanceof T5);
  return await model.forward({ tokens, targets, logitsAt });
}

for (const [name, small] of Object.entries(MODELS)) {
  testOnEachDevice(`${name}: logits of some tokens are rows of those of all`, async (device) => {
    using model = smallModel(device, small);
    const trained = async (some: boolean) => {
      const all = await forward(model, some ? AT : undefined);
      const numRows = all.length / 11;
      const logits = some
        ? all
        : embeddingAt(reshape(all, [numRows, 11]), AT, { shape: [AT.length] });
      assert.deepEqual(logits.shape, [4, 11]);
      const values = await logits.data();
      using loss = sum(mul(logits, logits));
      await loss.backward();
      const gradients: number[] = [];
      for (const { grad } of model.parameters()) gradients.push(...await grad?.data() ?? []);
      for (const parameter of model.parameters()) parameter.grad = undefined;
      return { values, gradients };
    };
    const [some, all] = [await trained(true), await trained(false)];
    assertClose(some.values, all.values, { ofLargest: 1e-5 });
    assertClose(some.gradients, all.gradients, { ofLargest: 1e-5 });
    using cache = new KeyValueCache();
    if (model instanceof BertMaskedLm) return;
    const tokens = Tensor.from(device, [1, 2], { shape: [1, 2], dtype: "u32" });
    using _tokens = tokens;
    const input = { tokens, targets: tokens, logitsAt: AT, cache };
    await assert.rejects((model as Decoder | T5).forward(input), /with a cache takes .*logitsAt/);
    await assert.rejects(forward(model, Uint32Array.of(6)), /under 6/);
  });
}
