// Parameters on a mesh of tensor-parallel x data-parallel (ZeRO) ranks. A parameter carries its layout: which dims are cut over
// which groups. ZeRO cuts dim 0 of the local shard once more (optim/zero/zero.ts). A step communicates:
//
//   data-parallel group   1 reduce-scatter of gradients and 1 all-gather of parameters; without ZeRO 1 all-reduce; with
//                         stage 2 a reduce-scatter per bucket, while backward runs (optim/zero/gradient_buckets.ts)
//   groups of replicas    1 all-reduce of the gradients that a rank owns
//   groups that cut       the rule's exchanges of sums
//
// whatever the number of parameters. Before the first step, ranks compare what they must have alike (agreement.ts).

import type { ProcessGroup } from "../../distributed/group.ts";
import type { Layout } from "../../distributed/layout.ts";
import { backward } from "../../tensor/autograd.ts";
import type { DeviceRange } from "../../tensor/device_range.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { describeParameters } from "../../tensor/parameter_names.ts";
import type { FloatTensor } from "../../tensor/tensor.ts";
import { withoutPads } from "../factoring/block_of_whole.ts";
import type { Factoring } from "../factoring/dim_roles.ts";
import { type FactoredView, factoredView } from "../factoring/factored_view.ts";
import type { HostGradient } from "../step/diagnostics.ts";
import { type CheckedSetup, type DistributedSetup, parseSetup } from "../zero/distributed_setup.ts";
import { GradientBuckets } from "../zero/gradient_buckets.ts";
import { ownedRows, type Placed } from "../zero/packing.ts";
import { allGatherParameters, averageGradients, numReplicas } from "../zero/zero.ts";
import { type DescribedOptimizer, requireAgreement } from "./agreement.ts";
import type { Placement } from "./placement.ts";
import { NO_TRAFFIC, type StepTraffic, trafficDuring } from "./traffic.ts";
import { wholeGradient } from "./whole_placement.ts";

/** Shards and rows of parameters on a mesh. */
export class MeshPlacement implements Placement {
  readonly isSetUp = true;
  readonly #parameters: readonly Parameter[];
  readonly #setup: CheckedSetup;
  /** With stage 2, the gradients that `backward` has added up. */
  readonly #buckets: GradientBuckets | undefined;
  /** Those plus the gradients that were in `grad` when the last step began, if any were. */
  #withGrad: GradientBuckets | undefined;
  #lastStep: StepTraffic = NO_TRAFFIC;
  #lastBackward: StepTraffic = NO_TRAFFIC;

  /**
   * Places the parameters.
   *
   * @throws {TypeError} if options contradict each other or a parameter, or a layout does not fit
   * @throws {RangeError} if `bucketBytes` is not positive
   */
  constructor(parameters: readonly Parameter[], setup: DistributedSetup) {
    this.#parameters = parameters;
    this.#setup = parseSetup(parameters, setup);
    const { zeroStage, dataParallelism, bucketBytes } = this.#setup;
    this.#buckets = zeroStage === 2 && numReplicas(dataParallelism) > 1
      ? new GradientBuckets(this.#placed(parameters), { ...dataParallelism, bucketBytes })
      : undefined;
  }

  /** Collectives and bytes of the last step, on this rank. */
  get lastStep(): StepTraffic {
    return this.#lastStep;
  }

  /** With ZeRO stage 2, those of the last `backward` over data-parallel groups; else none. */
  get lastBackward(): StepTraffic {
    return this.#lastBackward;
  }

  get isAlone(): boolean {
    return this.#setup.allGroups.length === 0;
  }

  get exchangesInBackward(): boolean {
    return this.#buckets !== undefined;
  }

  get hasPeers(): boolean {
    return this.#setup.allGroups.length > 0;
  }

  get comparesValues(): boolean {
    return this.#setup.comparesWeights;
  }

  get holdsGradients(): boolean {
    return this.#buckets?.isEmpty === false;
  }

  /** Every group that cuts a parameter or its state. */
  get groups(): readonly ProcessGroup[] {
    return this.#setup.sumGroups;
  }

  async requireAgreement(described: DescribedOptimizer): Promise<void> {
    await requireAgreement(this.#parameters, described, this.#setup);
  }

  layoutOf(parameter: Parameter): Layout<ProcessGroup> {
    return this.#setup.layouts.get(parameter)!;
  }

  /** This rank's shard, and of that its rows under ZeRO. */
  viewOf(
    parameter: Parameter,
    factoring: Factoring,
    { isPerMatrix = false }: { readonly isPerMatrix?: boolean } = {},
  ): FactoredView<ProcessGroup> {
    const { shardGroup: group } = this.#setup.dataParallelism;
    const layout = this.layoutOf(parameter);
    const viewed = isPerMatrix ? layout.ofMatrices : layout;
    if (group === undefined) return factoredView(viewed, { factoring });
    const { rows } = ownedRows(layout, group);
    return factoredView(viewed, { factoring, rowCut: { group, rows } });
  }

  /** Where this rank's rows begin. */
  offsetOf(parameter: Parameter): number {
    const { shardGroup } = this.#setup.dataParallelism;
    if (shardGroup === undefined) return 0;
    return ownedRows(this.layoutOf(parameter), shardGroup).elements.begin;
  }

  /** With stage 2, averages gradients over the data-parallel ranks as they are computed, and keeps this rank's rows. */
  async backward(loss: () => FloatTensor): Promise<void> {
    const buckets = this.#buckets;
    if (buckets === undefined) return await loss().backward();
    const { shardGroup, replicaGroups } = this.#setup.dataParallelism;
    const groups = shardGroup === undefined ? replicaGroups : [shardGroup, ...replicaGroups];
    this.#lastBackward = await trafficDuring(
      groups,
      () => buckets.reduceDuring((receiver) => backward(loss(), receiver)),
    );
  }

  clearGradients(): void {
    this.#buckets?.clear();
    this.#forgetWithGrad();
  }

  async run(step: () => Promise<void>): Promise<void> {
    this.#lastStep = await trafficDuring(this.#setup.allGroups, step);
  }

  /** With stage 2, averages gradients in `grad`, which do not come from the optimizer's `backward`. */
  async gatherGradients(): Promise<void> {
    this.#forgetWithGrad();
    const given = this.#parameters.filter(({ grad }) => grad !== undefined);
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
  hasGradient(parameter: Parameter): boolean {
    return this.#reduced?.has(parameter) ?? parameter.grad !== undefined;
  }

  /** Counts over all ranks. @throws {TypeError} on all of them if only some have a gradient of a parameter */
  async agreeOn(parameters: readonly Parameter[]): Promise<void> {
    const numRanks = Float32Array.from(
      this.#parameters,
      (each) => parameters.includes(each) ? 1 : 0,
    );
    let size = 1;
    for (const group of this.#setup.allGroups) {
      await group.allReduce(numRanks, { label: "parameters with a gradient" });
      size *= group.size;
    }
    const torn = this.#parameters.filter((_, k) => numRanks[k] > 0 && numRanks[k] < size);
    if (torn.length === 0) return;
    throw new TypeError(
      `Cannot step as only some ranks have a gradient of ${
        describeParameters(torn, this.#parameters)
      }: every rank must compute it, or none`,
    );
  }

  /** Averages over the data-parallel ranks; under ZeRO each rank gets its own rows only. */
  gradients(
    parameters: readonly Parameter[],
    options: { readonly scope: DisposableStack; readonly label: string },
  ): Promise<readonly DeviceRange[]> {
    const reduced = this.#reduced;
    if (reduced !== undefined) {
      return Promise.resolve(parameters.map((parameter) => reduced.rangeOf(parameter)));
    }
    const { dataParallelism } = this.#setup;
    return numReplicas(dataParallelism) === 1
      ? Promise.resolve(parameters.map(wholeGradient))
      : averageGradients(this.#placed(parameters), { ...dataParallelism, ...options });
  }

  /** Under ZeRO, gathers all rows. */
  async publish(parameters: readonly Parameter[]): Promise<void> {
    const { shardGroup } = this.#setup.dataParallelism;
    if (shardGroup !== undefined) await allGatherParameters(this.#placed(parameters), shardGroup);
  }

  /** With stage 2 this rank's rows. */
  async readGradient(parameter: Parameter): Promise<HostGradient | undefined> {
    const layout = this.layoutOf(parameter);
    const reduced = this.#reduced;
    if (reduced === undefined) {
      const groups = layout.splits.map(({ group }) => group);
      const { grad } = parameter;
      return grad && { values: withoutPads(await grad.data(), layout), groups };
    }
    if (!reduced.has(parameter)) return undefined;
    const { buffer, offset, length } = reduced.rangeOf(parameter);
    const bytes = await buffer.device.read(buffer, {
      byteOffset: 4 * offset,
      byteLength: 4 * length,
    });
    const { groups } = this.viewOf(parameter, "none");
    return { values: withoutPads(new Float32Array(bytes.buffer), layout), groups };
  }

  [Symbol.dispose](): void {
    this.clearGradients();
  }

  get #reduced(): GradientBuckets | undefined {
    return this.#withGrad ?? this.#buckets;
  }

  #forgetWithGrad(): void {
    this.#withGrad?.[Symbol.dispose]();
    this.#withGrad = undefined;
  }

  #placed(parameters: readonly Parameter[]): Placed[] {
    return parameters.map((parameter) => ({ parameter, layout: this.layoutOf(parameter) }));
  }
}
