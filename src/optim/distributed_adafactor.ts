// Adafactor over a mesh of tensor-parallel x data-parallel (ZeRO) ranks, step for step what one device computes: the same rule
// with another placement (optim/placement/mesh_placement.ts). Besides gradients and parameters, over the groups that cut
// parameters or state a step makes
//
//   at most 2 all-reduces: A, row sums, column sums and scalars; B, one number per parameter (up to 64 where columns or, of a
//   batch, rows are cut, one per part: device/block_table.ts)
//
// however many parameters there are. Three options cost one more all-reduce per group: `cautious` (its number per
// parameter), CAME (row and column sums) and `missingGradients: "skip"` (so that all ranks step the same parameters).
// Given the same gradients, meshes of powers of two with even shards give the bits of one rank. ColossalAI's original makes
// several per tensor, and under ZeRO never adds up column sums over the rows that other ranks own; here sums are reduced
// before they are averaged.

import type { Parameter } from "../tensor/parameter.ts";
import { Adafactor } from "./adafactor.ts";
import type { OptimizerOptions, ParameterGroup } from "./options/parameter_groups.ts";
import { MeshPlacement } from "./placement/mesh_placement.ts";
import { NO_TRAFFIC, type StepTraffic } from "./placement/traffic.ts";
import { unsetPlacement } from "./placement/unset_placement.ts";
import type { DistributedSetup } from "./zero/distributed_setup.ts";

export type { StepTraffic } from "./placement/traffic.ts";
export type { DistributedSetup } from "./zero/distributed_setup.ts";

/**
 * Adafactor for parameters that are split over a process mesh.
 *
 * Every rank of the data-parallel group computes the gradient of its own part of the batch; they are averaged, in `step()`
 * or, with ZeRO stage 2, in `backward()`. With ZeRO, state is divided by the group's size. The result equals
 * {@linkcode Adafactor}'s on one device up to the rounding of sums, for uneven and padded shards too.
 *
 * @category Optimizers
 *
 * @example
 * ```ts
 * import { DistributedAdaFactor, launch, Linear, mean, ProcessGroupMesh } from "@meshfactor/adafactor";
 * import { RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * // One rank of one; on many, launchFromEnv() and, say, new ProcessGroupMesh(2, 2).
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const mesh = new ProcessGroupMesh(1, world.worldSize);
 * using device = await requestDevice();
 * using layer = new Linear(device, { inFeatures: 4, outFeatures: 2, random: new RandomSource(1) });
 * using optim = new DistributedAdaFactor(layer.parameters());
 * optim.setupDistributed({
 *   tensorParallelGroup: await mesh.getGroupAlongAxis(0),
 *   dataParallelGroup: await mesh.getGroupAlongAxis(1),
 *   zeroStage: 2,
 * });
 *
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
 * using loss = mean(await layer.forward(x));
 * await optim.backward(loss);
 * await optim.step();
 * ```
 */
export class DistributedAdaFactor extends Adafactor {
  #mesh: MeshPlacement | undefined;

  /** As {@linkcode Adafactor}; call `setupDistributed()` next. */
  constructor(parameters: Iterable<Parameter | ParameterGroup>, options: OptimizerOptions = {}) {
    super(parameters, options, unsetPlacement());
  }

  /**
   * Says how parameters and batches are spread; must be called before the first step, on every rank alike.
   *
   * @throws {TypeError} if steps were already taken, options contradict each other or a parameter, or a layout does not fit
   * @throws {RangeError} if `bucketBytes` is not positive
   */
  setupDistributed(setup: DistributedSetup): void {
    this.#mesh = this.place(() => new MeshPlacement(this.parameters, setup));
  }

  /** Collectives and bytes of the last step, on this rank. */
  get lastStep(): StepTraffic {
    return this.#mesh?.lastStep ?? NO_TRAFFIC;
  }

  /** With ZeRO stage 2, collectives and bytes of the last `backward()` over data-parallel groups; else none. */
  get lastBackward(): StepTraffic {
    return this.#mesh?.lastBackward ?? NO_TRAFFIC;
  }
}
