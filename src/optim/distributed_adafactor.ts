// Adafactor over a mesh of tensor-parallel x data-parallel (ZeRO) ranks, step for step what one device computes.
//
// A parameter carries its layout: which dims are cut over which groups. ZeRO cuts dim 0 of the local shard once more
// (optim/zero/zero.ts). All this class adds to Adafactor is where blocks lie and what crosses the wire per step:
//
//   data-parallel group   1 reduce-scatter of gradients and 1 all-gather of parameters; without ZeRO 1 all-reduce; with
//                         stage 2 a reduce-scatter per bucket, while backward runs (optim/zero/gradient_buckets.ts)
//   groups of replicas    1 all-reduce of what a rank owns of gradients
//   groups that cut       at most 2 all-reduces: A, row sums, column sums and scalars; B, one number per parameter (up to 64
//                         where columns or, of a batch, rows are cut, one per part: device/block_table.ts)
//
// however many parameters there are. Three options cost one more all-reduce per group: `cautious` (its number per
// parameter), CAME (row and column sums) and `missingGradients: "skip"` (so that all ranks step the same parameters).
// Given the same gradients, meshes of powers of two with even shards give the bits of one rank. ColossalAI's original makes
// several per tensor, and under ZeRO never adds up column sums over the rows that other ranks own; here sums are reduced
// before they are averaged.

import type { ProcessGroup } from "../distributed/group.ts";
import type { Layout } from "../distributed/layout.ts";
import { backward } from "../tensor/autograd.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor } from "../tensor/tensor.ts";
import { Adafactor, type StepOptions } from "./adafactor.ts";
import type { GradientBlock } from "./step/passes.ts";
import { withoutPads } from "./factoring/block_of_whole.ts";
import type { HostGradient } from "./step/diagnostics.ts";
import { type DistributedSetup, parseSetup, type Placement } from "./zero/distributed_setup.ts";
import { type FactoredView, factoredView } from "./factoring/factored_view.ts";
import { GradientBuckets } from "./zero/gradient_buckets.ts";
import { ownedRows, type Placed } from "./zero/packing.ts";
import { describeParameters } from "../tensor/parameter_names.ts";
import { requireRoundable } from "./options/rounding_rule.ts";
import { allGatherParameters, averageGradients, numReplicas } from "./zero/zero.ts";

export type { DistributedSetup } from "./zero/distributed_setup.ts";

/** What a call moved over the wire, on this rank. */
export interface StepTraffic {
  /** Collectives, over all groups. */
  readonly collectives: number;
  /** Bytes sent, headers included. */
  readonly bytesSent: number;
  /** Bytes received, headers included. */
  readonly bytesReceived: number;
}

/**
 * Adafactor for parameters that are split over a process mesh.
 *
 * Every rank of the data-parallel group computes the gradient of its own part of the batch; they are averaged, in `step()`
 * or, with ZeRO stage 2, in `backward()`. With ZeRO, state is divided by the group's size. The result equals
 * {@linkcode Adafactor}'s on one device up to the rounding of sums, for uneven and padded shards too.
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
  #placement: Placement | undefined;
  /** With stage 2, what `backward` has added up. */
  #buckets: GradientBuckets | undefined;
  /** That and what was in `grad` when the last step began, if anything was. */
  #withGrad: GradientBuckets | undefined;
  #lastStep: StepTraffic = NO_TRAFFIC;
  #lastBackward: StepTraffic = NO_TRAFFIC;

  /**
   * Says how parameters and batches are spread; must be called before the first step, on every rank alike.
   *
   * @throws {TypeError} if steps were already taken, options contradict each other or a parameter, or a layout does not fit
   * @throws {RangeError} if `bucketBytes` is not positive
   */
  setupDistributed(setup: DistributedSetup): void {
    this.requireIdle();
    if (this.started || this.#buckets?.isEmpty === false) {
      throw new TypeError(
        "Cannot set up after the first step or backward() as state is already split: set up before it",
      );
    }
    const placement = parseSetup(this.parameters, setup);
    requireRoundable(this.hyper, (parameter) => placement.layouts.get(parameter)!);
    this.forgetPlan();
    this.#placement = placement;
    const { zeroStage, dataParallelism, bucketBytes } = placement;
    this.#buckets = zeroStage === 2 && numReplicas(dataParallelism) > 1
      ? new GradientBuckets(this.#placed(this.parameters), { ...dataParallelism, bucketBytes })
      : undefined;
  }

  /** Collectives and bytes of the last step, on this rank. */
  get lastStep(): StepTraffic {
    return this.#lastStep;
  }

  /** With ZeRO stage 2, collectives and bytes of the last `backward()` over data-parallel groups; else none. */
  get lastBackward(): StepTraffic {
    return this.#lastBackward;
  }

  /**
   * Computes gradients of `loss`, a scalar; they add to those already there.
   *
   * With ZeRO stage 2 all ranks call it together, and gradients are averaged over the data-parallel ranks bucket by bucket
   * while others are still computed: `parameter.grad` is undefined after it, as a rank keeps its own rows alone. What
   * `loss.backward()` or anybody else leaves in `parameter.grad` is averaged and added by `step()`, as in stage 1. The
   * model's own backward must not use the data-parallel groups then.
   *
   * @throws {TypeError} with stage 2, on all ranks if only some of them have a gradient of a parameter; nothing was added
   */
  override async backward(loss: FloatTensor): Promise<void> {
    const buckets = this.#buckets;
    if (buckets === undefined) return await super.backward(loss);
    const { shardGroup, replicaGroups } = this.#required.dataParallelism;
    const groups = shardGroup === undefined ? replicaGroups : [shardGroup, ...replicaGroups];
    await this.alone(async () => {
      const before = trafficOf(groups);
      await buckets.reduceDuring((receiver) => backward(this.scaledLoss(loss), receiver));
      this.#lastBackward = trafficSince(before, groups);
    });
  }

  /** As {@linkcode Adafactor.step}, on all ranks together. @throws {TypeError} before `setupDistributed()`. */
  override async step(options: StepOptions = {}): Promise<void> {
    const { allGroups } = this.#required;
    const before = trafficOf(allGroups);
    await super.step(options);
    this.#lastStep = trafficSince(before, allGroups);
  }

  /** Forgets all gradients. @throws {TypeError} while they are under way. */
  override zeroGrad(): void {
    if (this.#buckets !== undefined) this.requireIdle();
    this.#buckets?.clear();
    this.#forgetWithGrad();
    super.zeroGrad();
  }

  /** Gives back all device memory that the optimizer holds. */
  override [Symbol.dispose](): void {
    this.#buckets?.[Symbol.dispose]();
    this.#forgetWithGrad();
    super[Symbol.dispose]();
  }

  /** Every group that cuts a parameter or its state. */
  protected override get groups(): readonly ProcessGroup[] {
    return this.#placement?.sumGroups ?? [];
  }

  /** This rank's block: its shard, and of that its rows under ZeRO. */
  protected override viewOf(parameter: Parameter): FactoredView<ProcessGroup> {
    const { shardGroup: group } = this.#required.dataParallelism;
    const layout = this.#layoutOf(parameter);
    const factoring = this.factoringOf(parameter);
    if (group === undefined) return factoredView(layout, { factoring });
    const { rows } = ownedRows(layout, group);
    return factoredView(layout, { factoring, rowCut: { group, rows } });
  }

  /** Where this rank's rows begin. */
  protected override offsetOf(parameter: Parameter): number {
    const { shardGroup } = this.#required.dataParallelism;
    if (shardGroup === undefined) return 0;
    return ownedRows(this.#layoutOf(parameter), shardGroup).elements.begin;
  }

  /** With stage 2, averages what came into `grad` otherwise than by the optimizer's `backward`. */
  protected override async gatherGradients(): Promise<void> {
    this.#forgetWithGrad();
    const given = this.parameters.filter(({ grad }) => grad !== undefined);
    if (this.#buckets === undefined || given.length === 0) return;
    const sums = this.#buckets.copy();
    this.#withGrad = sums;
    await sums.reduceDuring(async (receiver) => {
      receiver.begin(given);
      for (const parameter of given.toReversed()) {
        const gradient = parameter.grad!.copyAs("f32");
        await receiver.receive(parameter, gradient).finally(() => gradient.release());
      }
    });
  }

  /** Whether this rank has a gradient, or with stage 2 rows of one. */
  protected override hasGradient(parameter: Parameter): boolean {
    return this.#reduced?.has(parameter) ?? super.hasGradient(parameter);
  }

  /** With stage 2 this rank's rows. */
  protected override async readGradient(parameter: Parameter): Promise<HostGradient | undefined> {
    const layout = this.#layoutOf(parameter);
    const reduced = this.#reduced;
    if (reduced === undefined) {
      const groups = layout.splits.map(({ group }) => group);
      const { grad } = parameter;
      return grad && { values: withoutPads(await grad.data(), layout), groups };
    }
    if (!reduced.has(parameter)) return undefined;
    const { buffer, offset, length } = reduced.blockOf(parameter);
    const bytes = await buffer.device.read(buffer, {
      byteOffset: 4 * offset,
      byteLength: 4 * length,
    });
    const { groups } = this.viewOf(parameter);
    return { values: withoutPads(new Float32Array(bytes.buffer), layout), groups };
  }

  /** Averages over the data-parallel ranks; under ZeRO each rank gets its own rows only. */
  protected override gradientBlocks(
    parameters: readonly Parameter[],
    scope: DisposableStack,
  ): Promise<readonly GradientBlock[]> {
    const reduced = this.#reduced;
    if (reduced !== undefined) {
      return Promise.resolve(parameters.map((parameter) => reduced.blockOf(parameter)));
    }
    const { dataParallelism } = this.#required;
    if (numReplicas(dataParallelism) === 1) return super.gradientBlocks(parameters, scope);
    return averageGradients(this.#placed(parameters), dataParallelism, scope);
  }

  /** Counts over all ranks. @throws {TypeError} on all of them if only some have a gradient of a parameter */
  protected override async agreeOn(parameters: readonly Parameter[]): Promise<void> {
    const numRanks = Float32Array.from(
      this.parameters,
      (each) => parameters.includes(each) ? 1 : 0,
    );
    let size = 1;
    for (const group of this.#required.allGroups) {
      await group.allReduce(numRanks);
      size *= group.size;
    }
    const torn = this.parameters.filter((_, k) => numRanks[k] > 0 && numRanks[k] < size);
    if (torn.length === 0) return;
    throw new TypeError(
      `Cannot step as only some ranks have a gradient of ${
        describeParameters(torn, this.parameters)
      }: every rank must compute it, or none`,
    );
  }

  /** Under ZeRO, gathers all rows. */
  protected override async publish(parameters: readonly Parameter[]): Promise<void> {
    const { shardGroup } = this.#required.dataParallelism;
    if (shardGroup !== undefined) await allGatherParameters(this.#placed(parameters), shardGroup);
  }

  get #reduced(): GradientBuckets | undefined {
    return this.#withGrad ?? this.#buckets;
  }

  #forgetWithGrad(): void {
    this.#withGrad?.[Symbol.dispose]();
    this.#withGrad = undefined;
  }

  get #required(): Placement {
    if (this.#placement === undefined) {
      throw new TypeError(
        "Cannot step before setupDistributed(): call it once, on every rank, before anything else",
      );
    }
    return this.#placement;
  }

  #placed(parameters: readonly Parameter[]): Placed[] {
    return parameters.map((parameter) => ({ parameter, layout: this.#layoutOf(parameter) }));
  }

  #layoutOf(parameter: Parameter): Layout<ProcessGroup> {
    return this.#required.layouts.get(parameter)!;
  }
}

function trafficOf(groups: readonly ProcessGroup[]): StepTraffic {
  const total = { collectives: 0, bytesSent: 0, bytesReceived: 0 };
  for (const { counters } of groups) {
    total.collectives += counters.collectives;
    total.bytesSent += counters.bytesSent;
    total.bytesReceived += counters.bytesReceived;
  }
  return total;
}

function trafficSince(before: StepTraffic, groups: readonly ProcessGroup[]): StepTraffic {
  const after = trafficOf(groups);
  return {
    collectives: after.collectives - before.collectives,
    bytesSent: after.bytesSent - before.bytesSent,
    bytesReceived: after.bytesReceived - before.bytesReceived,
  };
}

const NO_TRAFFIC: StepTraffic = { collectives: 0, bytesSent: 0, bytesReceived: 0 };
