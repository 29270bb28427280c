// Mistral (Jiang et al. 2023): Llama with a sliding window in every block.

import * as v from "valibot";
import { count } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `MistralForCausalLM` */
export const mistral: Architecture = {
  name: "MistralForCausalLM",
  baseName: "MistralModel",
  head: ["head"],
  makes: Decoder,
  modelType: "mistral",
  fromConfig(config) {
    const sizes = config.read(
      llamaSizes({ vocabulary: 32000, inner: 14336, positions: 4096 * 32, keyHeads: 8 }),
    );
    const { sliding_window: window } = config.read(windows);
    return llamaVariant(config, sizes, {
      inputBias: false,
      outputBias: false,
      mlpBias: false,
      hasHeadNorms: false,
      windowOf: () => window ?? undefined,
    });
  },
};

const windows = v.object({ sliding_window: v.optional(v.nullable(count), 4096) });
