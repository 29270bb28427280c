// Qwen3-MoE (Yang et al. 2025): Qwen3 with experts in place of the MLPs of some blocks, by default of all. Names are those of Qwen3.

import * as v from "valibot";
import { activationCalled } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import { count, flag, integer, orNull } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { readExperts } from "./expert_settings.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `Qwen3MoeForCausalLM` */
export const qwen3Moe: Architecture = {
  name: "Qwen3MoeForCausalLM",
  baseName: "Qwen3MoeModel",
  head: ["head"],
  makes: Decoder,
  modelType: "qwen3_moe",
  fromConfig(config) {
    const sizes = config.read(
      llamaSizes({ vocabulary: 151936, inner: 6144, positions: 32768, keyHeads: 4 }),
    );
    const given = config.read(settings);
    const { count: numExperts, ...routing } = readExperts(config, { count: 128, numChosen: 8 });
    const { mlp_only_layers: withMlp, decoder_sparse_step: step } = given;
    const window = given.use_sliding_window ? given.sliding_window ?? undefined : undefined;
    return llamaVariant(config, sizes, {
      inputBias: given.attention_bias,
      outputBias: given.attention_bias,
      mlpBias: false,
      hasHeadNorms: true,
      windowOf: () => window,
      names,
      balanceLoss: routing.balanceLoss,
      experts: (index) =>
        withMlp?.includes(index) || (index + 1) % step !== 0 ? undefined : {
          kind: "experts",
          count: numExperts,
          width: given.moe_intermediate_size,
          activation: activationCalled(sizes.hidden_act),
          outputDeviation: sizes.initializer_range,
          routing: {
            numChosen: routing.numChosen,
            scores: "softmax",
            isNormalized: given.norm_topk_prob,
          },
        },
    });
  },
};

const settings = v.object({
  attention_bias: flag(false),
  use_sliding_window: flag(false),
  sliding_window: v.optional(v.nullable(count), 4096),
  decoder_sparse_step: v.optional(count, 1),
  moe_intermediate_size: v.optional(count, 768),
  norm_topk_prob: flag(false),
  mlp_only_layers: orNull(v.array(integer)),
});

const EXPERTS = "model.layers.*.mlp.experts.*";

const names: Pick<CheckpointNames, "modules" | "stacks"> = {
  modules: { "blocks.*.mlp.router.gate": "model.layers.*.mlp.gate" },
  stacks: {
    "blocks.*.mlp.stack.gateUp": [`${EXPERTS}.gate_proj.weight`, `${EXPERTS}.up_proj.weight`],
    "blocks.*.mlp.stack.down": [`${EXPERTS}.down_proj.weight`],
  },
};
