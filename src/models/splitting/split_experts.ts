// The experts of a block split over tensor-parallel ranks: of each expert, rank r has F_r of the F hidden features.
//
//   G_r, U_r [E, 2, F_r, D], D_r [E, D, F_r]
//   forward    y = sum over ranks of the mixture of their parts           one all-reduce
//   gradient   of x and of the weights: sums over the ranks               two all-reduces
//
// The router is whole on every rank, and decides the same on each, as x has the same bits on all. So decisions need no communication.

import type { ProcessGroup } from "../../distributed/group.ts";
import { Layout } from "../../distributed/layout.ts";
import { Module } from "../../nn/module.ts";
import { copyToGroup, reduceFromGroup } from "../../nn/parallel/group_exchanges.ts";
import { takeShard } from "../../nn/shard_of.ts";
import { asF32 } from "../../ops/cast.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Activation } from "../blocks/activations.ts";
import { ExpertStack, mapped, mixed, type RoutedTokens } from "../blocks/expert_stack.ts";
import type { Experts } from "../blocks/experts.ts";
import { DividedExperts } from "./divided_experts.ts";
import { notWhole, type SplitPlan } from "./split_plan.ts";

/** Adds the experts of a block to `plan`. @throws {RangeError} if they, or their hidden features, are fewer than the ranks */
export function planExperts(plan: SplitPlan, experts: Experts): void {
  const { stack } = experts;
  const { processGroup } = plan;
  if (!(stack instanceof ExpertStack)) throw notWhole(stack, "stack");
  const [count, , inner] = stack.down.shape;
  if (plan.experts === "whole") {
    if (count < processGroup.size) {
      throw new RangeError(
        `Cannot divide ${count} experts of ${stack.down.name} over ${processGroup.size} ranks: each must have one`,
      );
    }
    plan.add(() => experts.stack = new DividedExperts(stack, processGroup));
    return;
  }
  if (inner < processGroup.size) {
    throw new RangeError(
      `Cannot split ${inner} hidden features of ${stack.down.name} over ${processGroup.size} ranks: each must have one`,
    );
  }
  plan.add(() => experts.stack = new TensorParallelExperts(stack, processGroup));
}

/** A rank's hidden features of all experts. */
class TensorParallelExperts extends Module<RoutedTokens> {
  /** [E, 2, F_r, D] */
  readonly gateUp: Parameter;
  /** [E, D, F_r] */
  readonly down: Parameter;
  readonly activation: Activation;
  readonly #group: ProcessGroup;

  /** Takes this rank's part of whole experts, which must not be used after. */
  constructor({ gateUp, down, activation }: ExpertStack, group: ProcessGroup) {
    super();
    const [count, width, inner] = down.shape;
    const split = [{ dim: 2, group }];
    const shape = [count, 2, inner, width];
    const layout = new Layout(shape, split, { wholeShape: gateUp.shape, matrixShape: shape });
    this.gateUp = takeShard(gateUp, layout);
    this.down = takeShard(down, new Layout(down.shape, split));
    this.activation = activation;
    this.#group = group;
  }

  /** x [N, D], equal on every rank, -> [N, D] */
  override async forward({ x, weights, chosen }: RoutedTokens): Promise<Tensor> {
    const group = this.#group;
    const own = (tensor: Tensor, what: string) =>
      copyToGroup(tensor, { group, label: `${what} of ${this.gateUp.name}` });
    const routed = { x: own(asF32(x), "x"), weights: own(weights, "weights"), chosen };
    const part = await mixed(
      routed,
      this.down.shape[0],
      (rows, counts) => mapped(rows, counts, this),
    );
    return await reduceFromGroup(part, { group, label: `y of ${this.down.name}` });
  }
}
