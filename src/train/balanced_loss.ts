// The loss of training a decoder: that of its targets, and for experts the loss of balance, if its config wants that one.
//
//   loss + c E sum_e f_e P_e        of a micro-batch over all data-parallel ranks (models/blocks/routing_record.ts)

import type { Decoder } from "../models/decoder.ts";
import { RoutingRecord } from "../models/blocks/routing_record.ts";
import { add } from "../ops/add.ts";
import { scale } from "../ops/scale.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelSplit } from "./model_split.ts";

/** The decoder, how it is split, and the mask of its batch [B, T]; all tokens are real by default. */
export interface BalancedModel {
  readonly model: Decoder;
  readonly split: Pick<ModelSplit, "batchGroup">;
  readonly mask?: Tensor<"u32"> | undefined;
}

/** The loss that `lossOf` computes in one forward pass, and that of balance. */
export async function balancedLoss(
  { model, split, mask }: BalancedModel,
  lossOf: (routing?: RoutingRecord) => Promise<Tensor>,
): Promise<Tensor> {
  const { balanceLoss: factor } = model.description;
  if (factor === undefined) return await lossOf();
  const routing = new RoutingRecord();
  const loss = await lossOf(routing);
  const balance = await routing.balanceLoss({ mask, group: split.batchGroup });
  return add(loss, scale(balance, factor));
}

/** @throws {TypeError} if the model wants the loss of balance and recomputes the blocks that it needs */
export function requireBalanceable(model: Decoder): void {
  if (model.description.balanceLoss === undefined || model.recompute === "nothing") return;
  throw new TypeError(
    "The loss of balance of experts, output_router_logits in config.json, needs scores that recomputed blocks do not keep: " +
      "recompute nothing, or set output_router_logits to false",
  );
}
