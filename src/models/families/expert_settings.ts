// The settings of experts that Mixtral and Qwen3-MoE share.

import * as v from "valibot";
import { count, flag, type ModelConfig } from "../config/model_config.ts";

/** How many experts there are, and how they are used. */
export interface ExpertSettings {
  readonly count: number;
  /** Experts of a token. */
  readonly numChosen: number;
  /** Factor of the loss of balance; undefined if there is none. */
  readonly balanceLoss: number | undefined;
}

/** Reads them, with a family's defaults. @throws {TypeError} if a token has more experts than there are, or the number is said twice */
export function readExperts(
  config: ModelConfig,
  defaults: Pick<ExpertSettings, "count" | "numChosen">,
): ExpertSettings {
  const given = config.read(settings);
  const { num_local_experts: local, num_experts: all } = given;
  if (local !== undefined && all !== undefined && local !== all) {
    throw config.error(`num_experts must be num_local_experts, got ${all} and ${local}`);
  }
  const numExperts = local ?? all ?? defaults.count;
  const numChosen = given.num_experts_per_tok ?? defaults.numChosen;
  if (numChosen > numExperts) {
    throw config.error(
      `num_experts_per_tok must be at most the number of experts, got ${numChosen} of ${numExperts}`,
    );
  }
  const { output_router_logits: hasBalance, router_aux_loss_coef: factor } = given;
  return { count: numExperts, numChosen, balanceLoss: hasBalance ? factor : undefined };
}

const settings = v.object({
  // Two names of one setting.
  num_local_experts: v.optional(count),
  num_experts: v.optional(count),
  num_experts_per_tok: v.optional(count),
  output_router_logits: flag(false),
  router_aux_loss_coef: v.optional(v.pipe(v.number(), v.finite("must be finite")), 0.001),
});
