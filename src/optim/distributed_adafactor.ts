// Adafactor over a mesh of tensor-parallel x data-parallel (ZeRO) ranks, step for step what one device computes.
//
// A parameter carries its layout: which dims are cut over which groups. ZeRO cuts dim 0 of the local shard once more
// (optim/zero.ts). All this class adds to Adafactor is where blocks lie and what crosses the wire per step:
//
//   data-parallel group   1 reduce-scatter of gradients and 1 all-gather of parameters (without ZeRO: 1 all-reduce)
//   each group            at most 2 all-reduces: A, row sums, column sums and scalars; B, one number per parameter
//
// however many parameters there are. Two options cost one more all-reduce per group: `cautious` (its number per
// parameter) and `missingGradients: "skip"` (so that all ranks step the same parameters). ColossalAI's original makes several per tensor, and under ZeRO never adds up
// column sums over the rows that other ranks own; here sums are reduced before they are averaged.

import type { ProcessGroup } from "../dist/group.ts";
import type { Layout } from "../dist/layout.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { Adafactor, type StepOptions } from "./adafactor.ts";
import type { GradientBlock } from "./adafactor_passes.ts";
import { type FactoredView, factoredView } from "./factored_moment.ts";
import {
  allGatherParameters,
  averageGradients,
  ownedRows,
  reduceScatterGradients,
} from "./zero.ts";

/** How parameters and batches are spread over ranks. */
export interface DistributedSetup {
  /** Ranks that hold different shards of split parameters. */
  tensorParallelGroup?: ProcessGroup | undefined;
  /** Ranks that hold the same shards and see different parts of the batch. */
  dataParallelGroup?: ProcessGroup | undefined;
  /** For parameters that do not carry their own layout: the parameter whose layout holds for them. */
  shardToParam?: ReadonlyMap<Parameter, Parameter> | undefined;
  /** Cut optimizer state by rows over the data-parallel group (ZeRO stage 1). Default true. */
  useZero?: boolean | undefined;
}

/** What the last `step()` moved over the wire, on this rank. */
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
 * Every rank of the data-parallel group computes the gradient of its own part of the batch; `step()` averages them.
 * With ZeRO, state is divided by the group's size. The result equals {@linkcode Adafactor}'s on one device up to the
 * rounding of sums, for uneven shards too.
 *
 * @example
 * ```ts
 * const mesh = new ProcessGroupMesh(2, 2);
 * const optim = new DistributedAdaFactor(model.parameters());
 * optim.setupDistributed({
 *   tensorParallelGroup: await mesh.getGroupAlongAxis(0),
 *   dataParallelGroup: await mesh.getGroupAlongAxis(1),
 * });
 * ```
 */
export class DistributedAdaFactor extends Adafactor {
  #groups: readonly ProcessGroup[] | undefined;
  #dataParallel: ProcessGroup | undefined;
  #shardToParam: ReadonlyMap<Parameter, Parameter> = new Map();
  #useZero = true;
  #lastStep: StepTraffic = { collectives: 0, bytesSent: 0, bytesReceived: 0 };

  /**
   * Says how parameters and batches are spread; must be called before the first step, on every rank alike.
   *
   * @throws {TypeError} if steps were already taken, or a layout does not fit its parameter
   */
  setupDistributed(
    { tensorParallelGroup, dataParallelGroup, shardToParam = new Map(), useZero = true }:
      DistributedSetup,
  ): void {
    if (this.started) {
      throw new TypeError(
        "Cannot set up after the first step as state is already split: set up before it",
      );
    }
    const oneForBoth = tensorParallelGroup !== undefined &&
      tensorParallelGroup === dataParallelGroup;
    if (oneForBoth && tensorParallelGroup.size > 1) {
      throw new TypeError(
        "Cannot use one group for both axes: give the mesh two axes, one may have size 1",
      );
    }
    this.forgetPlan();
    this.#shardToParam = shardToParam;
    const groups = new Set<ProcessGroup>();
    for (const group of [tensorParallelGroup, dataParallelGroup]) {
      if (group !== undefined) groups.add(group);
    }
    for (const parameter of this.parameters) {
      const { localShape, splits } = this.#layoutOf(parameter);
      if (localShape.join() !== parameter.shape.join()) {
        throw new TypeError(
          `Cannot step ${parameter.name} of shape [${parameter.shape}] as its layout says that this rank ` +
            `holds [${localShape}]: give the layout that it was cut by`,
        );
      }
      for (const { group } of splits) groups.add(group);
    }
    this.#dataParallel = dataParallelGroup !== undefined && dataParallelGroup.size > 1
      ? dataParallelGroup
      : undefined;
    this.#useZero = useZero;
    this.#groups = [...groups].filter(({ size }) => size > 1);
  }

  /** Collectives and bytes of the last step, on this rank. */
  get lastStep(): StepTraffic {
    return this.#lastStep;
  }

  /** As {@linkcode Adafactor.step}, on all ranks together. @throws {TypeError} before `setupDistributed()`. */
  override async step(options: StepOptions = {}): Promise<void> {
    if (this.#groups === undefined) {
      throw new TypeError("Cannot step before setupDistributed(): call it once, on every rank");
    }
    const before = this.#traffic();
    await super.step(options);
    const after = this.#traffic();
    this.#lastStep = {
      collectives: after.collectives - before.collectives,
      bytesSent: after.bytesSent - before.bytesSent,
      bytesReceived: after.bytesReceived - before.bytesReceived,
    };
  }

  /** Every group that cuts a parameter or the batch. */
  protected override get groups(): readonly ProcessGroup[] {
    return this.#groups ?? [];
  }

  /** This rank's block: its shard, and of that its rows under ZeRO. */
  protected override viewOf(parameter: Parameter): FactoredView<ProcessGroup> {
    if (this.#groups === undefined) {
      throw new TypeError(
        "Cannot place state before setupDistributed(): call it once, on every rank",
      );
    }
    const layout = this.#layoutOf(parameter);
    const factoring = this.factoringOf(parameter);
    const group = this.#zeroGroup;
    if (group === undefined) return factoredView(layout, { factoring });
    const { rows } = ownedRows(parameter, group);
    return factoredView(layout, { factoring, rowCut: { group, rows } });
  }

  /** Where this rank's rows begin. */
  protected override offsetOf(parameter: Parameter): number {
    return this.#zeroGroup === undefined ? 0 : ownedRows(parameter, this.#zeroGroup).elements.begin;
  }

  /** Averages over the data-parallel group; under ZeRO each rank gets its own rows only. */
  protected override gradientBlocks(
    parameters: readonly Parameter[],
    scope: DisposableStack,
  ): Promise<readonly GradientBlock[]> {
    const group = this.#dataParallel;
    if (group === undefined) return super.gradientBlocks(parameters, scope);
    return this.#useZero
      ? reduceScatterGradients(parameters, group, scope)
      : averageGradients(parameters, group, scope);
  }

  /** Counts over all ranks. @throws {TypeError} on all of them if only some have a gradient of a parameter */
  protected override async agreeOn(parameters: readonly Parameter[]): Promise<void> {
    const numRanks = Float32Array.from(
      this.parameters,
      (each) => parameters.includes(each) ? 1 : 0,
    );
    let size = 1;
    for (const group of this.groups) {
      await group.allReduce(numRanks);
      size *= group.size;
    }
    const torn = this.parameters.filter((_, k) => numRanks[k] > 0 && numRanks[k] < size);
    if (torn.length === 0) return;
    throw new TypeError(
      `Cannot step as only some ranks have a gradient of ${
        torn.map(({ name }) => name).join(", ")
      }: ` +
        "every rank must compute it, or none",
    );
  }

  /** Under ZeRO, gathers all rows. */
  protected override async publish(parameters: readonly Parameter[]): Promise<void> {
    if (this.#zeroGroup !== undefined) await allGatherParameters(parameters, this.#zeroGroup);
  }

  get #zeroGroup(): ProcessGroup | undefined {
    return this.#useZero ? this.#dataParallel : undefined;
  }

  #layoutOf(parameter: Parameter): Layout<ProcessGroup> {
    return (this.#shardToParam.get(parameter) ?? parameter).layout;
  }

  #traffic(): StepTraffic {
    const total = { collectives: 0, bytesSent: 0, bytesReceived: 0 };
    for (const { counters } of this.groups) {
      total.collectives += counters.collectives;
      total.bytesSent += counters.bytesSent;
      total.bytesReceived += counters.bytesReceived;
    }
    return total;
  }
}
