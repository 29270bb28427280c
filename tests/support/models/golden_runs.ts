// Runs the goldens of all families, on one rank and on a mesh.

import type { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { BertMaskedLm } from "../../../src/models/bert.ts";
import { BertClassifier } from "../../../src/models/bert_classifier.ts";
import { BertTokenClassifier } from "../../../src/models/bert_token_classifier.ts";
import { RoutingRecord } from "../../../src/models/blocks/routing_record.ts";
import { Blip2 } from "../../../src/models/blip2.ts";
import { causalLoss } from "../../../src/models/losses/causal_loss.ts";
import { classificationLoss } from "../../../src/models/losses/classification_loss.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import type { PretrainedModel } from "../../../src/models/pretrained_model.ts";
import { vocabParallelCausalLoss } from "../../../src/models/losses/vocab_parallel_causal_loss.ts";
import { Sam, type SamInput } from "../../../src/models/sam.ts";
import { T5 } from "../../../src/models/t5.ts";
import { VitClassifier } from "../../../src/models/vit.ts";
import { Whisper } from "../../../src/models/whisper.ts";
import { vocabParallelCrossEntropy } from "../../../src/nn/parallel/vocab_parallel_cross_entropy.ts";
import type { VocabParallelCrossEntropyOptions } from "../../../src/nn/parallel/vocab_parallel_cross_entropy.ts";
import { add } from "../../../src/ops/add.ts";
import { crossEntropy, IGNORE_INDEX } from "../../../src/ops/cross_entropy.ts";
import { scale } from "../../../src/ops/scale.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { goldenModels } from "../goldens.ts";
import type { GoldenInputs, GoldenRun } from "./golden_model.ts";
import { onMesh } from "./split_model.ts";

/** The functions that run a family, whole or split. */
export interface FamilyRun<Model extends PretrainedModel = PretrainedModel>
  extends GoldenRun<Model> {
  /** The loss of logits that stay split, for a model with a vocabulary. */
  splitLoss?(
    logits: Tensor,
    inputs: GoldenInputs,
    options: Vocabulary & { readonly model: Model },
  ): Promise<Tensor>;
}

type Vocabulary = Omit<VocabParallelCrossEntropyOptions, "ignored">;

const textOf = (inputs: GoldenInputs) => ({
  tokens: inputs.u32("input_ids"),
  mask: inputs.u32("attention_mask"),
});
const bertInput = (inputs: GoldenInputs) => ({
  ...textOf(inputs),
  tokenTypes: inputs.u32("token_type_ids"),
});

const nextTokenLosses: Pick<FamilyRun, "loss" | "splitLoss"> = {
  loss: (logits, inputs) => causalLoss(logits, inputs.u32("labels")),
  splitLoss: (logits, inputs, { model: _, ...options }) =>
    vocabParallelCausalLoss(logits, inputs.u32("labels"), options),
};
const decoderRun: FamilyRun<Decoder> = {
  ...nextTokenLosses,
  model: Decoder,
  logits: (model, inputs) => model.forward(textOf(inputs)),
};
/** The choices of experts, by the logits of their forward pass. */
const routings = new WeakMap<
  Tensor,
  { readonly routing: RoutingRecord; readonly factor: number }
>();
const withBalance = async (loss: Tensor, logits: Tensor, inputs: GoldenInputs) => {
  const { routing, factor } = routings.get(logits)!;
  const balance = await routing.balanceLoss({ mask: inputs.u32("attention_mask") });
  return add(loss, scale(balance, factor));
};
/** A decoder with experts whose loss has that of balance. */
const balancedRun: FamilyRun<Decoder> = {
  ...decoderRun,
  logits: async (model, inputs) => {
    const routing = new RoutingRecord();
    const logits = await model.forward({ ...textOf(inputs), routing });
    routings.set(logits, { routing, factor: model.description.balanceLoss! });
    return logits;
  },
  loss: async (logits, inputs, model) =>
    await withBalance(await decoderRun.loss(logits, inputs, model), logits, inputs),
  splitLoss: async (logits, inputs, options) =>
    await withBalance(await decoderRun.splitLoss!(logits, inputs, options), logits, inputs),
};
const tokenLosses: Pick<FamilyRun, "loss" | "splitLoss"> = {
  loss: (logits, inputs) => crossEntropy(logits, inputs.u32("labels"), { ignored: IGNORE_INDEX }),
  splitLoss: (logits, inputs, { model: _, ...options }) =>
    vocabParallelCrossEntropy(logits, inputs.u32("labels"), { ...options, ignored: IGNORE_INDEX }),
};
const classLoss: Pick<FamilyRun, "loss"> = {
  loss: (logits, inputs) => classificationLoss(logits, { labels: inputs.u32("labels") }),
};
const bertRun: FamilyRun<BertMaskedLm> = {
  ...tokenLosses,
  model: BertMaskedLm,
  logits: (model, inputs) => model.forward(bertInput(inputs)),
};
const bertClassifierRun: FamilyRun<BertClassifier> = {
  ...classLoss,
  model: BertClassifier,
  logits: (model, inputs) => model.forward(bertInput(inputs)),
};
const bertTokenClassifierRun: FamilyRun<BertTokenClassifier> = {
  loss: tokenLosses.loss,
  model: BertTokenClassifier,
  logits: (model, inputs) => model.forward(bertInput(inputs)),
};
const t5Run: FamilyRun<T5> = {
  ...tokenLosses,
  model: T5,
  logits: (model, inputs) =>
    model.forward({ ...textOf(inputs), targets: model.targetsFor(inputs.u32("labels")) }),
  more: {
    name: "encoder_last_hidden_state",
    compute: (model, inputs) => model.encode(textOf(inputs)),
  },
};
const whisperRun: FamilyRun<Whisper> = {
  ...tokenLosses,
  model: Whisper,
  logits: (model, inputs) =>
    model.forward({
      features: inputs.f32("input_features"),
      targets: model.targetsFor(inputs.u32("labels")),
    }),
  more: {
    name: "encoder_last_hidden_state",
    compute: (model, inputs) => model.encode({ features: inputs.f32("input_features") }),
  },
};
const vitRun: FamilyRun<VitClassifier> = {
  ...classLoss,
  model: VitClassifier,
  logits: (model, inputs) => model.forward({ pixels: inputs.f32("pixel_values") }),
};

const samRun: FamilyRun<Sam> = {
  model: Sam,
  logits: async (model, inputs) => {
    const { masks, scores } = await model.segment(samInput(inputs));
    samScores.set(masks, scores);
    return masks;
  },
  // SAM has no loss of its own: tests/goldens/generate_models.py
  loss: (masks, inputs) =>
    add(
      classificationLoss(masks, {
        labels: inputs.f32("target_masks"),
        problemType: "multi_label_classification",
      }),
      classificationLoss(samScores.get(masks)!, {
        labels: inputs.f32("target_iou"),
        problemType: "regression",
      }),
    ),
  more: {
    name: "iou_scores",
    compute: async (model, inputs) => (await model.segment(samInput(inputs))).scores,
  },
};
/** The scores of masks, which the loss needs, too. */
const samScores = new WeakMap<Tensor, Tensor>();
const samInput = (inputs: GoldenInputs): SamInput => ({
  pixels: inputs.f32("pixel_values"),
  points: inputs.lists("input_points") as SamInput["points"],
  labels: inputs.lists("input_labels") as SamInput["labels"],
  boxes: inputs.lists("input_boxes") as SamInput["boxes"],
  masks: inputs.has("input_masks") ? inputs.f32("input_masks") : undefined,
  outputs: inputs.lists("multimask_output") === 0 ? "one" : "several",
});
const blip2Losses = ({ language }: Blip2) => language instanceof T5 ? tokenLosses : nextTokenLosses;
const blip2Run: FamilyRun<Blip2> = {
  model: Blip2,
  logits: (model, inputs) =>
    model.forward({
      ...textOf(inputs),
      pixels: inputs.f32("pixel_values"),
      targets: model.language instanceof T5 ? model.targetsFor(inputs.u32("labels")) : undefined,
    }),
  loss: (logits, inputs, model) => blip2Losses(model).loss(logits, inputs, model),
  splitLoss: (logits, inputs, options) =>
    blip2Losses(options.model).splitLoss!(logits, inputs, options),
};

/** Decoders, by the names of their folders. */
export const decoderRuns: Readonly<Record<string, FamilyRun>> = {
  gpt2: decoderRun,
  llama: decoderRun,
  mistral: decoderRun,
  mixtral: decoderRun,
  mixtral_balance: balancedRun,
  qwen2: decoderRun,
  qwen3: decoderRun,
  qwen3_moe: decoderRun,
  opt: decoderRun,
  gptj: decoderRun,
  bloom: decoderRun,
  falcon: decoderRun,
  falcon_new: decoderRun,
  falcon_rw: decoderRun,
  cohere: decoderRun,
  glm: decoderRun,
  phi3: decoderRun,
  smollm3: decoderRun,
  deepseek_v2: decoderRun,
  deepseek_v3: decoderRun,
  deepseek_v3_dense: decoderRun,
  gemma: { ...decoderRun, webgpuTrainings: [] },
  gemma2: decoderRun,
  gemma3: decoderRun,
  cohere_norms: decoderRun,
  cohere2: { ...decoderRun, webgpuTrainings: [] },
  falcon_alibi: decoderRun,
  granite: { ...decoderRun, webgpuTrainings: [] },
  olmo2: decoderRun,
};

/** ModernBERT has no token types. */
const withoutTypes = (
  model: BertMaskedLm | BertClassifier | BertTokenClassifier,
  inputs: GoldenInputs,
) => model.forward(textOf(inputs));

/** Encoders, and encoders with a decoder, by the names of their folders. */
export const encoderRuns: Readonly<Record<string, FamilyRun>> = {
  bert: bertRun,
  bert_cls: bertClassifierRun,
  bert_tok: bertTokenClassifierRun,
  albert: bertRun,
  albert_groups: bertRun,
  modernbert: { ...bertRun, logits: withoutTypes },
  modernbert_cls: { ...bertClassifierRun, logits: withoutTypes, webgpuTrainings: [] },
  modernbert_tok: { ...bertTokenClassifierRun, logits: withoutTypes, webgpuTrainings: [] },
  t5: t5Run,
  vit: vitRun,
  dinov2: { ...vitRun, webgpuTrainings: [] },
  siglip: { ...vitRun, webgpuTrainings: [] },
  whisper: whisperRun,
  sam: { ...samRun, webgpuTrainings: ["external"] },
  sam_boxes: { ...samRun, webgpuTrainings: [] },
  blip2: blip2Run,
  blip2_t5: blip2Run,
};

/** Their layers, kernels and splits are those of other families: one mesh, and training on WASM, show the rest. */
export const familiesLikeOthers: ReadonlySet<string> = new Set([
  "gemma",
  "granite",
  "cohere2",
  "modernbert_cls",
  "modernbert_tok",
  "dinov2",
  "siglip",
]);

/** All of them. */
export const familyRuns: Readonly<Record<string, FamilyRun>> = { ...decoderRuns, ...encoderRuns };

/** On a mesh of tensor x data; every rank has the logits of all tokens. */
export async function gatheredRun(family: string, mesh: ProcessGroupMesh): Promise<GoldenRun> {
  return { ...familyRuns[family], placement: await onMesh(mesh, { gatherLogits: true }) };
}

/** On a mesh of expert x data; every rank has the logits of all tokens, and some experts whole. */
export async function dividedRun(family: string, mesh: ProcessGroupMesh): Promise<GoldenRun> {
  return { ...familyRuns[family], placement: await onMesh(mesh, { experts: "whole" }) };
}

/** On a mesh of tensor x data; every rank has the logits of its own tokens, or those of all classes. */
export async function splitRun(family: string, mesh: ProcessGroupMesh): Promise<GoldenRun> {
  const { splitLoss, ...run } = familyRuns[family];
  if (splitLoss === undefined) return await gatheredRun(family, mesh);
  const config = JSON.parse(await Deno.readTextFile(`${goldenModels}/${family}/config.json`));
  const vocabulary = {
    processGroup: await mesh.getGroupAlongAxis(0),
    numClasses: (config.text_config ?? config).vocab_size,
  };
  return {
    ...run,
    loss: (logits, inputs, model) => splitLoss(logits, inputs, { ...vocabulary, model }),
    placement: await onMesh(mesh, { gatherLogits: false }),
  };
}
