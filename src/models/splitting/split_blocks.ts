// Splits transformer blocks over tensor-parallel ranks, the same for every model:
//
//   attention, cross-attention too   queries, keys and values by heads, the output layer by input features
//   one layer of all three           by heads, or whole on every rank, of whose output each uses its own heads, where their numbers differ
//   latent attention                 layers of compressed features by heads; those that compress are whole on every rank
//   mlp                              gate and up by output features, down by input features; one layer of both by each half
//   experts                          the hidden features of each expert, as those of an mlp, or the experts whole; the router is whole on every rank
//
// Features between the layers of either stay on their rank: one all-reduce each, forward and backward. Norms and the relative positions
// of a grid are replicated.

import { splitHeads } from "../../nn/parallel/head_split.ts";
import type { Attention } from "../blocks/attention.ts";
import { LatentAttention } from "../blocks/latent_attention.ts";
import type { Block } from "../blocks/block.ts";
import { Mlp } from "../blocks/mlp.ts";
import { planExperts } from "./split_experts.ts";
import type { SplitPlan } from "./split_plan.ts";

/** Adds all blocks to `plan`. @throws {RangeError} if there are too few heads or features */
export async function planBlocks(plan: SplitPlan, blocks: readonly Block[]): Promise<void> {
  for (const { attention, crossAttention, mlp } of blocks) {
    if (attention instanceof LatentAttention) planLatentAttention(plan, attention);
    else await planAttention(plan, attention);
    if (crossAttention !== undefined) await planAttention(plan, crossAttention);
    if (mlp instanceof Mlp) planMlp(plan, mlp);
    else {
      planExperts(plan, mlp);
      if (mlp.shared !== undefined) planMlp(plan, mlp.shared);
    }
  }
}

/** The gradients of compressed features are summed over ranks: by the layers of heads, and that of the shared part of keys by itself. */
function planLatentAttention(plan: SplitPlan, attention: LatentAttention): void {
  const { processGroup } = plan;
  const { plainWidth, rotatedWidth, valueWidth } = attention.description;
  plan.columnParallel(attention, "query", { processGroup, unit: plainWidth + rotatedWidth });
  plan.columnParallel(attention, "keyValue", { processGroup, unit: plainWidth + valueWidth });
  plan.rowParallel(attention, "output", { processGroup, unit: valueWidth });
  plan.add(() => attention.sharedBy = processGroup);
}

/** Adds an MLP to `plan`. @throws {RangeError} if it has too few features */
export function planMlp(plan: SplitPlan, mlp: Mlp): void {
  plan.columnParallel(mlp, "gate");
  plan.columnParallel(mlp, "up");
  plan.columnParallel(mlp, "gateUp", { processGroup: plan.processGroup, parts: 2 });
  plan.rowParallel(mlp, "down");
}

/** Adds one layer of attention to `plan`. @throws {RangeError} if there are too few heads */
export async function planAttention(plan: SplitPlan, attention: Attention): Promise<void> {
  const { processGroup } = plan;
  const { numKeyHeads, projections, headWidth } = attention.description;
  const { gridPositions } = attention;
  if (gridPositions !== undefined) plan.add(() => gridPositions.sharedBy = processGroup);
  if (projections === "fused" && numKeyHeads === 1) {
    // All ranks attend to the one key, so that any number of queries is right.
    plan.replicated(attention, "qkv");
    plan.rowParallel(attention, "output", { processGroup, unit: headWidth });
    return;
  }
  const { query, keyValue, output, ...fused } = await splitHeads(attention.description, plan);
  const qkv = projections === "separate" ? undefined : fused[projections];
  // One parameter cannot be split into unlike parts.
  if (projections !== "separate" && qkv === undefined) plan.replicated(attention, "qkv");
  else plan.columnParallel(attention, "qkv", qkv);
  plan.columnParallel(attention, "query", query);
  plan.columnParallel(attention, "key", keyValue);
  plan.columnParallel(attention, "value", keyValue);
  const isOfAll = attention.description.headNorm?.heads === "together";
  plan.headNorm(attention, "queryNorm", { ...query, isOfAll });
  plan.headNorm(attention, "keyNorm", { ...keyValue, isOfAll });
  plan.rowParallel(attention, "output", output);
}
