// Decoders against transformers.

import { causalLoss } from "../../src/models/causal_loss.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { type GoldenRun, testGoldenModel } from "./golden_model.ts";

const decoderRun: GoldenRun<Decoder> = {
  model: Decoder,
  logits: (model, inputs) =>
    model.forward({ tokens: inputs.u32("input_ids"), mask: inputs.u32("attention_mask") }),
  loss: (logits, inputs) => causalLoss(logits, inputs.u32("labels")),
};

for (const family of ["gpt2", "llama", "mistral", "qwen2", "qwen3", "opt"]) {
  testGoldenModel(family, decoderRun);
}
