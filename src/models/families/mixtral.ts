// Mixtral (Jiang et al. 2024): Mistral with 8 experts in place of each MLP, of which every token has the best two. Files have the
// matrices of each expert by themselves; here, as in transformers' memory, a block's gates and ups are one parameter and its output
// layers another.

import * as v from "valibot";
import { activationCalled } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import { count, only, orNull } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { readExperts } from "./expert_settings.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `MixtralForCausalLM` */
export const mixtral: Architecture = {
  name: "MixtralForCausalLM",
  baseName: "MixtralModel",
  head: ["head"],
  makes: Decoder,
  modelType: "mixtral",
  fromConfig(config) {
    const sizes = config.read(
      llamaSizes({
        vocabulary: 32000,
        inner: 14336,
        positions: 4096 * 32,
        keyHeads: 8,
        eps: 1e-5,
      }),
    );
    const { sliding_window: window } = config.read(settings);
    const { count: numExperts, numChosen, balanceLoss } = readExperts(config, {
      count: 8,
      numChosen: 2,
    });
    return llamaVariant(config, sizes, {
      inputBias: false,
      outputBias: false,
      mlpBias: false,
      hasHeadNorms: false,
      windowOf: () => window ?? undefined,
      rotaryBase: 1e6,
      names,
      balanceLoss,
      experts: () => ({
        kind: "experts",
        count: numExperts,
        width: sizes.intermediate_size,
        activation: activationCalled(sizes.hidden_act),
        outputDeviation: sizes.initializer_range,
        routing: { numChosen, scores: "softmax", isNormalized: true },
      }),
    });
  },
};

const settings = v.object({
  sliding_window: orNull(count),
  // Random factors of the router's input, in training.
  router_jitter_noise: only(0),
});

const EXPERTS = "model.layers.*.block_sparse_moe.experts.*";

const names: Pick<CheckpointNames, "modules" | "stacks"> = {
  modules: { "blocks.*.mlp.router.gate": "model.layers.*.block_sparse_moe.gate" },
  stacks: {
    "blocks.*.mlp.stack.gateUp": [`${EXPERTS}.w1.weight`, `${EXPERTS}.w3.weight`],
    "blocks.*.mlp.stack.down": [`${EXPERTS}.w2.weight`],
  },
};
