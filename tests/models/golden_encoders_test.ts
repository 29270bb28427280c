// Encoders, and an encoder with a decoder, against transformers.

import { BertClassifier, BertMaskedLm } from "../../src/models/bert.ts";
import { classificationLoss } from "../../src/models/classification_loss.ts";
import { T5 } from "../../src/models/t5.ts";
import { VitClassifier } from "../../src/models/vit.ts";
import { crossEntropy, IGNORED } from "../../src/ops/cross_entropy.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { type GoldenInputs, testGoldenModel } from "./golden_model.ts";

const textOf = (inputs: GoldenInputs) => ({
  tokens: inputs.u32("input_ids"),
  mask: inputs.u32("attention_mask"),
});
const bertInput = (inputs: GoldenInputs) => ({
  ...textOf(inputs),
  tokenTypes: inputs.u32("token_type_ids"),
});
const tokenLoss = (logits: Tensor, inputs: GoldenInputs) =>
  crossEntropy(logits, inputs.u32("labels"), { ignored: IGNORED });
const classLoss = (logits: Tensor, inputs: GoldenInputs) =>
  classificationLoss(logits, { labels: inputs.u32("labels") });

testGoldenModel("bert", {
  model: BertMaskedLm,
  logits: (model, inputs) => model.forward(bertInput(inputs)),
  loss: tokenLoss,
});

testGoldenModel("bert_cls", {
  model: BertClassifier,
  logits: (model, inputs) => model.forward(bertInput(inputs)),
  loss: classLoss,
});

testGoldenModel("t5", {
  model: T5,
  logits: (model, inputs) =>
    model.forward({ ...textOf(inputs), targets: model.targetsFor(inputs.u32("labels")) }),
  loss: tokenLoss,
  more: { encoder_last_hidden_state: (model, inputs) => model.encode(textOf(inputs)) },
});

testGoldenModel("vit", {
  model: VitClassifier,
  logits: (model, inputs) => model.forward({ pixels: inputs.f32("pixel_values") }),
  loss: classLoss,
});
