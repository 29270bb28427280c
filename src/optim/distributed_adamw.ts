// AdamW over a mesh of tensor-parallel x data-parallel (ZeRO) ranks, step for step what one device computes: the same rule
// with another placement (optim/placement/mesh_placement.ts).

import type { Parameter } from "../tensor/parameter.ts";
import { AdamW, type AdamWParameterGroup } from "./adamw.ts";
import type { AdamWOptimizerOptions } from "./options/adamw_options.ts";
import { MeshPlacement } from "./placement/mesh_placement.ts";
import { NO_TRAFFIC, type StepTraffic } from "./placement/traffic.ts";
import { unsetPlacement } from "./placement/unset_placement.ts";
import type { DistributedSetup } from "./zero/distributed_setup.ts";

/**
 * AdamW for parameters that are split over a process mesh.
 *
 * Every rank of the data-parallel group computes the gradient of its own part of the batch; they are averaged, in `step()`
 * or, with ZeRO stage 2, in `backward()`. With ZeRO, state is divided by the group's size. Given the same gradients a step
 * has the bits of {@linkcode AdamW} on one device, unless `maxGradientNorm` is set and shards are uneven, which changes the
 * rounding of the norm.
 *
 * @category Optimizers
 *
 * @example
 * ```ts
 * import { DistributedAdamW, launch, Linear, mean, ProcessGroupMesh } from "@meshfactor/adafactor";
 * import { RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * // One rank of one; on many, launchFromEnv() and, say, new ProcessGroupMesh(2, 2).
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const mesh = new ProcessGroupMesh(1, world.worldSize);
 * using device = await requestDevice();
 * using layer = new Linear(device, { inFeatures: 4, outFeatures: 2, random: new RandomSource(1) });
 * using optim = new DistributedAdamW(layer.parameters(), { lr: 1e-3 });
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
export class DistributedAdamW extends AdamW {
  #mesh: MeshPlacement | undefined;

  /** As {@linkcode AdamW}; call `setupDistributed()` next. */
  constructor(
    parameters: Iterable<Parameter | AdamWParameterGroup>,
    options: AdamWOptimizerOptions = {},
  ) {
    super(parameters, options, unsetPlacement());
  }

  /** As {@linkcode DistributedAdaFactor.setupDistributed}. */
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
