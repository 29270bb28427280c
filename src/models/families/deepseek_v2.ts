// DeepSeek-V2 (2024): experts are chosen by softmax, of all or of the groups with the best single experts; weights are not normalized.

import * as v from "valibot";
import { count, only, orNull } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { deepseekSizes, deepseekVersion, requireGroups } from "./deepseek.ts";

/** `DeepseekV2ForCausalLM` */
export const deepseekV2: Architecture = {
  name: "DeepseekV2ForCausalLM",
  baseName: "DeepseekV2Model",
  head: ["head"],
  makes: Decoder,
  modelType: "deepseek_v2",
  fromConfig(config) {
    const sizes = config.read(common);
    const own = config.read(settings);
    const { n_routed_experts: numExperts } = sizes;
    return deepseekVersion(config, sizes, {
      rotaryPairs: "neighbours",
      routing() {
        const numChosen = own.num_experts_per_tok;
        if (numChosen === null) throw config.error("num_experts_per_tok is missing");
        const isGrouped = own.topk_method === "group_limited_greedy";
        const { n_group: numGroups, topk_group: numChosenGroups } = isGrouped
          ? config.read(groups)
          : { n_group: 1, topk_group: 1 };
        requireGroups(config, { numExperts, numGroups, numChosenGroups, numChosen, fewest: 1 });
        return {
          numChosen,
          scores: "softmax",
          // transformers ignores norm_topk_prob.
          isNormalized: false,
          factor: sizes.routed_scaling_factor,
          ...(isGrouped
            ? { groups: { count: numGroups, numChosen: numChosenGroups, numHighest: 1 } }
            : {}),
          isF32: true,
        };
      },
    });
  },
};

const common = deepseekSizes({
  vocabulary: 102400,
  width: 4096,
  inner: 11008,
  numBlocks: 32,
  numDense: 0,
  numHeads: 32,
  keyHeads: null,
  positions: 2048,
  expertInner: 1407,
  numExperts: 64,
  numShared: 2,
  factor: 1,
});

const settings = v.object({
  mlp_bias: only(false),
  num_experts_per_tok: orNull(count),
  topk_method: v.optional(v.picklist(["greedy", "group_limited_greedy"]), "greedy"),
});
const groups = v.object({ n_group: count, topk_group: count });
