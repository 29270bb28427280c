// Small models of all families, and their logits and losses of one batch: the same at every call.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { architectureOf } from "../../../src/models/architectures.ts";
import { BertMaskedLm } from "../../../src/models/bert.ts";
import { BertClassifier } from "../../../src/models/bert_classifier.ts";
import { BertTokenClassifier } from "../../../src/models/bert_token_classifier.ts";
import { Blip2, type Blip2Input } from "../../../src/models/blip2.ts";
import { causalLoss } from "../../../src/models/losses/causal_loss.ts";
import { classificationLoss } from "../../../src/models/losses/classification_loss.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import { ModelConfig } from "../../../src/models/config/model_config.ts";
import type { PretrainedModel } from "../../../src/models/pretrained_model.ts";
import { T5 } from "../../../src/models/t5.ts";
import { VitClassifier } from "../../../src/models/vit.ts";
import { Whisper } from "../../../src/models/whisper.ts";
import { InitialParameters } from "../../../src/nn/parameter_source.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import type { VocabParallelCrossEntropyOptions } from "../../../src/nn/parallel/vocab_parallel_cross_entropy.ts";
import { vocabParallelCrossEntropy } from "../../../src/nn/parallel/vocab_parallel_cross_entropy.ts";
import { crossEntropy, IGNORE_INDEX } from "../../../src/ops/cross_entropy.ts";
import type { FloatType } from "../../../src/tensor/dtype.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { RandomValues } from "../device/random_values.ts";
import { smallEncoderConfigs } from "./small_configs.ts";

const { modernBert, modernBertClassifier } = smallEncoderConfigs;
const { bert, bertClassifier, bertTokenClassifier, t5, vit, whisper, blip2, blip2T5 } =
  smallEncoderConfigs;

/** The config of a model, and what it does not say. */
export interface SmallModel {
  readonly config: Readonly<Record<string, unknown>>;
  /** T5: whether the head is untied, which files say and configs do not. Default: false. */
  readonly isUntied?: boolean;
}

/** Models that predict one of 11 tokens, with 3 heads. */
export const smallMaskedModels: Readonly<Record<string, SmallModel>> = {
  "BERT, tied": { config: bert },
  "ModernBERT, tied": { config: modernBert },
  "ModernBERT, untied, without biases": {
    config: { ...modernBert, tie_word_embeddings: false, decoder_bias: false },
  },
  "BERT, untied": { config: { ...bert, tie_word_embeddings: false } },
  "T5, tied and scaled": { config: t5 },
  "T5, untied and gated": {
    config: { ...t5, feed_forward_proj: "gated-gelu", tie_word_embeddings: false },
    isUntied: true,
  },
  "Whisper, tied": { config: whisper },
  "Whisper, untied": { config: { ...whisper, tie_word_embeddings: false } },
  "BLIP-2 with OPT": { config: blip2 },
  "BLIP-2 with T5": { config: blip2T5 },
};

/** Encoders that predict classes or numbers, with 3 heads. */
export const smallClassifiers: Readonly<Record<string, SmallModel>> = {
  "BERT for 3 classes": { config: bertClassifier },
  "ModernBERT for 3 classes, by means": { config: modernBertClassifier },
  "BERT for regression": { config: { ...bertClassifier, num_labels: 1, problem_type: null } },
  "BERT for 11 classes of tokens": { config: bertTokenClassifier },
  "ViT": { config: vit },
  "ViT without biases of queries, keys and values": { config: { ...vit, qkv_bias: false } },
};

/** A model with random numbers in all parameters. */
export function smallModel(
  device: Device,
  { config, isUntied = false }: SmallModel,
  storage: { readonly dtype?: FloatType } = {},
): PretrainedModel {
  const settings = new ModelConfig(JSON.stringify(config));
  const source = new InitialParameters(device, { random: new RandomSource(3), ...storage });
  const model = architectureOf(settings).fromConfig(settings, { isUntied }).build(source);
  const random = new RandomValues(7);
  for (const [name, parameter] of model.namedParameters()) {
    if (parameter.shape.length === 1) parameter.write(random.positive(parameter.length));
    // All are 0, so that they would be one query.
    if (name === "qformer.queries") parameter.write(random.signed(parameter.length));
  }
  return model;
}

/** Images and texts of a small BLIP-2, with targets for a T5: rows from `firstRow` to `rows`. */
export function imageTexts(
  model: Blip2,
  { rows, firstRow = 0 }: { readonly rows: number; readonly firstRow?: number },
): Blip2Input {
  const { device } = model.projection.parameters()[0];
  const count = rows - firstRow;
  const all = Array.from(
    { length: rows },
    (_, row) => model.withImageTokens([2, 3 + row % 4, 9]),
  ).slice(firstRow);
  const tokens = Tensor.from(device, all.flat(), { shape: [count, 5], dtype: "u32" });
  const values = Float32Array.from({ length: rows * 75 }, (_, at) => Math.sin(at * at));
  const pixels = Tensor.from(device, values.slice(firstRow * 75), { shape: [count, 3, 5, 5] });
  if (!(model.language instanceof T5)) return { tokens, pixels };
  const targets = all.flatMap((row) => [0, ...row.slice(2, 4)]);
  return {
    tokens,
    pixels,
    targets: Tensor.from(device, targets, { shape: [count, 3], dtype: "u32" }),
  };
}

/** The logits of two texts, images or recordings; texts are padded, except for decoders. */
export async function smallLogits(model: PretrainedModel): Promise<Tensor> {
  const [{ device }] = model.parameters();
  const indices = (values: readonly number[]) =>
    Tensor.from(device, values, { shape: [2, 3], dtype: "u32" });
  // BERT's padding token, 0, is among the real ones: its lookup must give no gradient.
  const tokens = indices([3, 5, 2, 10, 0, 4]);
  const mask = indices([1, 1, 1, 1, 1, 0]);
  if (model instanceof Decoder) return await model.forward({ tokens });
  if (
    model instanceof BertMaskedLm || model instanceof BertClassifier ||
    model instanceof BertTokenClassifier
  ) {
    return await model.forward({ tokens, mask, tokenTypes: indices([0, 0, 1, 0, 1, 1]) });
  }
  if (model instanceof Blip2) return await model.forward(imageTexts(model, { rows: 2 }));
  if (model instanceof T5) {
    return await model.forward({ tokens, mask, targets: model.targetsFor(indices(LABELS)) });
  }
  if (model instanceof Whisper) {
    const features = new RandomValues(5).signed(2 * 3 * 8);
    return await model.forward({
      features: Tensor.from(device, features, { shape: [2, 3, 8] }),
      targets: model.targetsFor(indices(LABELS)),
    });
  }
  assert.ok(model instanceof VitClassifier);
  const pixels = new RandomValues(5).signed(2 * 2 * 5 * 7);
  return await model.forward({ pixels: Tensor.from(device, pixels, { shape: [2, 2, 5, 7] }) });
}

/** The loss of `smallLogits()`; `split` says how logits are split, if they are. */
export async function smallLoss(
  model: PretrainedModel,
  split?: Omit<VocabParallelCrossEntropyOptions, "ignored">,
): Promise<Tensor> {
  const logits = await smallLogits(model);
  const { device } = logits;
  if (model instanceof BertClassifier || model instanceof VitClassifier) {
    const labels = logits.shape[1] === 1
      ? Tensor.from(device, [0.5, -1], { shape: [2] })
      : Tensor.from(device, [2, 0], { dtype: "u32" });
    return classificationLoss(logits, { labels });
  }
  const [, length] = logits.shape;
  const given = [...LABELS, 3, 7, 1, IGNORE_INDEX].slice(0, 2 * length);
  const labels = Tensor.from(device, given, { shape: [2, length], dtype: "u32" });
  if (model instanceof Decoder) return causalLoss(logits, labels);
  return split === undefined
    ? crossEntropy(logits, labels, { ignored: IGNORE_INDEX })
    : await vocabParallelCrossEntropy(logits, labels, { ...split, ignored: IGNORE_INDEX });
}

const LABELS = [6, IGNORE_INDEX, 2, 9, 10, IGNORE_INDEX];
