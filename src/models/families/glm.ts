// GLM-4 (Zeng et al. 2024), ChatGLM's successor: Llama with biases of queries, keys and values, half of each head rotated in pairs of
// neighbours, and one layer for gate and up.

import * as v from "valibot";
import { count, flag, type ModelConfig, orNull, positive } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `GlmForCausalLM` */
export const glm: Architecture = {
  name: "GlmForCausalLM",
  baseName: "GlmModel",
  head: ["head"],
  makes: Decoder,
  modelType: "glm",
  fromConfig(config) {
    const sizes = config.read(
      llamaSizes({
        vocabulary: 151552,
        inner: 13696,
        positions: 131072,
        keyHeads: 2,
        headWidth: 128,
      }),
    );
    const { attention_bias: inputBias } = config.read(v.object({ attention_bias: flag(true) }));
    return llamaVariant(config, { ...sizes, ...config.read(defaults) }, {
      inputBias,
      outputBias: false,
      mlpBias: false,
      hasHeadNorms: false,
      windowOf: () => undefined,
      rotatedPart: readRotatedPart(config, 0.5),
      rotaryPairs: "neighbours",
      fusedGate: true,
    });
  },
};

const defaults = v.object({
  num_hidden_layers: v.optional(count, 40),
  rms_norm_eps: v.optional(positive, 1.5625e-7),
});

/** The part of each head that is rotated, in `rope_parameters` or, in older configs, beside them. */
export function readRotatedPart(config: ModelConfig, otherwise: number): number {
  const { rope_parameters: parameters, partial_rotary_factor: part } = config.read(inConfig);
  return parameters?.partial_rotary_factor ?? part ?? otherwise;
}

const part = orNull(v.pipe(positive, v.maxValue(1)));
const inConfig = v.object({
  partial_rotary_factor: part,
  rope_parameters: orNull(v.object({ partial_rotary_factor: part })),
});
