// Phi-3 and Phi-4 (Abdin et al. 2024): Llama with one layer for queries, keys and values, one for gate and up, and perhaps a part of each
// head rotated.

import * as v from "valibot";
import { count, integer, orNull, positive, probability } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { readRotatedPart } from "./glm.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `Phi3ForCausalLM` */
export const phi3: Architecture = {
  name: "Phi3ForCausalLM",
  baseName: "Phi3Model",
  head: ["head"],
  makes: Decoder,
  modelType: "phi3",
  fromConfig(config) {
    const sizes = config.read(llamaSizes({ vocabulary: 32064, inner: 8192, positions: 4096 }));
    const given = config.read(settings);
    return llamaVariant(config, { ...sizes, ...given }, {
      inputBias: false,
      outputBias: false,
      mlpBias: false,
      hasHeadNorms: false,
      windowOf: () => given.sliding_window ?? undefined,
      rotatedPart: readRotatedPart(config, 1),
      fusedProjections: true,
      fusedGate: true,
      dropout: { embeddings: given.embd_pdrop, parts: given.resid_pdrop },
    });
  },
};

const settings = v.object({
  hidden_size: v.optional(count, 3072),
  rms_norm_eps: v.optional(positive, 1e-5),
  pad_token_id: v.optional(v.nullable(integer), 32000),
  sliding_window: orNull(count),
  embd_pdrop: v.optional(probability, 0),
  resid_pdrop: v.optional(probability, 0),
});
