// Qwen3 (Yang et al. 2025): Llama with an RMS norm of every head of queries and keys, before they are rotated.

import * as v from "valibot";
import { flag } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";
import { readWindows } from "./qwen2.ts";

/** `Qwen3ForCausalLM` */
export const qwen3: Architecture = {
  name: "Qwen3ForCausalLM",
  baseName: "Qwen3Model",
  head: ["head"],
  makes: Decoder,
  modelType: "qwen3",
  fromConfig(config) {
    const sizes = config.read(
      llamaSizes({
        vocabulary: 151936,
        inner: 22016,
        positions: 32768,
        keyHeads: 32,
        headWidth: 128,
      }),
    );
    const { attention_bias: bias } = config.read(v.object({ attention_bias: flag(false) }));
    return llamaVariant(config, sizes, {
      inputBias: bias,
      outputBias: bias,
      mlpBias: false,
      hasHeadNorms: true,
      windowOf: readWindows(config, sizes.num_hidden_layers),
    });
  },
};
