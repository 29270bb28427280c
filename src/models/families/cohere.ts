// Cohere's Command R (2024): Llama with attention and MLP side by side after one layer norm without bias, rotated pairs of neighbours, and
// scaled logits of a tied head.

import * as v from "valibot";
import { flag, only, positive } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `CohereForCausalLM` */
export const cohere: Architecture = {
  name: "CohereForCausalLM",
  baseName: "CohereModel",
  head: ["head"],
  makes: Decoder,
  modelType: "cohere",
  fromConfig(config) {
    const sizes = config.read(llamaSizes({ vocabulary: 256000, inner: 22528, positions: 8192 }));
    const own = config.read(settings);
    const { attention_bias: bias } = own;
    return llamaVariant(config, { ...sizes, tie_word_embeddings: own.tie_word_embeddings }, {
      inputBias: bias,
      outputBias: bias,
      mlpBias: false,
      hasHeadNorms: false,
      windowOf: () => undefined,
      norm: { kind: "layer", eps: own.layer_norm_eps, bias: false },
      parallel: "sharedNorm",
      rotaryPairs: "neighbours",
      logitScale: own.logit_scale,
    });
  },
};

const settings = v.object({
  layer_norm_eps: v.optional(positive, 1e-5),
  logit_scale: v.optional(positive, 0.0625),
  attention_bias: flag(false),
  tie_word_embeddings: flag(true),
  // Command R+ has a layer norm of each head.
  use_qk_norm: only(false),
});
