// DeepSeek-V3 (2024; also R1, Moonlight): experts are chosen by logistic scores with a correction bias, among the groups whose two best
// are the best.

import * as v from "valibot";
import { count, integer } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { deepseekSizes, deepseekVersion, requireGroups } from "./deepseek.ts";

/** `DeepseekV3ForCausalLM` */
export const deepseekV3: Architecture = {
  name: "DeepseekV3ForCausalLM",
  baseName: "DeepseekV3Model",
  head: ["head"],
  makes: Decoder,
  modelType: "deepseek_v3",
  fromConfig(config) {
    const sizes = config.read(common);
    const own = config.read(settings);
    const { n_group: numGroups, topk_group: numChosenGroups, num_experts_per_tok: numChosen } = own;
    const { n_routed_experts: numExperts, num_hidden_layers: numBlocks } = sizes;
    return deepseekVersion(config, sizes, {
      rotaryPairs: own.rope_interleave ? "neighbours" : "halves",
      routing() {
        requireGroups(config, { numExperts, numGroups, numChosenGroups, numChosen, fewest: 2 });
        return {
          numChosen,
          scores: "sigmoid",
          isNormalized: own.norm_topk_prob ?? false,
          factor: sizes.routed_scaling_factor,
          correctionBias: true,
          groups: { count: numGroups, numChosen: numChosenGroups, numHighest: 2 },
          isF32: true,
        };
      },
      ignored: Array.from(
        { length: own.num_nextn_predict_layers },
        (_, k) => new RegExp(`^model\\.layers\\.${numBlocks + k}\\.`),
      ),
    });
  },
};

const common = deepseekSizes({
  vocabulary: 129280,
  width: 7168,
  inner: 18432,
  numBlocks: 61,
  numDense: 3,
  numHeads: 128,
  keyHeads: 128,
  positions: 4096,
  expertInner: 2048,
  numExperts: 256,
  numShared: 1,
  factor: 2.5,
});

const settings = v.object({
  rope_interleave: v.optional(v.nullable(v.boolean()), true),
  n_group: v.optional(count, 8),
  topk_group: v.optional(count, 4),
  num_experts_per_tok: v.optional(count, 8),
  norm_topk_prob: v.optional(v.nullable(v.boolean()), true),
  // Layers that predict further tokens: files may hold them after those of the model, which does not use them.
  num_nextn_predict_layers: v.optional(v.pipe(integer, v.minValue(0), v.maxValue(100)), 1),
});
