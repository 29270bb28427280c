// The placement of parameters and batches on ranks: checks the user's setup and derives the groups of each exchange.
//
//   tensorParallelGroup, groups of layouts     ranks that hold other shards
//   dataParallelGroup [replicas ..., shards]   ranks that see other parts of the batch; the last group's own other rows
//
//   zeroStage 0   gradients and state are whole on every data-parallel rank
//             1   state is cut by rows over the last data-parallel group
//             2   gradients too: they are cut while backward runs

import type { ProcessGroup } from "../../distributed/group.ts";
import type { Layout } from "../../distributed/layout.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { DataParallelism } from "./zero.ts";

/**
 * The placement of parameters and batches on ranks.
 *
 * @category Optimizers
 */
export interface DistributedSetup {
  /** Ranks that hold different shards of split parameters. Further groups, of other axes, are found in layouts. */
  tensorParallelGroup?: ProcessGroup | undefined;
  /**
   * Ranks that hold the same shards and see different parts of the batch. With several groups, of different axes of the
   * mesh, ZeRO cuts over the last one, and the ranks of the others hold the same rows ("hybrid sharding"): put the ranks
   * that are near each other last.
   */
  dataParallelGroup?: ProcessGroup | readonly ProcessGroup[] | undefined;
  /** For parameters that do not carry their own layout: the parameter whose layout holds for them. */
  shardToParam?: ReadonlyMap<Parameter, Parameter> | undefined;
  /**
   * Cuts by rows over the data-parallel group. 0: nothing. 1: optimizer state. 2: gradients too, from `backward()`
   * of the optimizer on: afterwards `parameter.grad` is undefined. Default 1.
   */
  zeroStage?: 0 | 1 | 2 | undefined;
  /** The original's word: true is `zeroStage: 1`, false is `zeroStage: 0`. */
  useZero?: boolean | undefined;
  /** With stage 2, how many bytes of gradients travel together. Default 4 MiB. */
  bucketBytes?: number | undefined;
  /**
   * Whether ranks compare digests of their parameters' values, and of a loaded state, besides options and shapes, before the
   * first step: it takes 0.7 s of one core for 135 million
   * numbers in f32. Default true.
   */
  compareWeights?: boolean | undefined;
}

/** A setup that was checked. */
export interface CheckedSetup {
  /** The layout of each parameter. */
  readonly layouts: ReadonlyMap<Parameter, Layout<ProcessGroup>>;
  readonly zeroStage: 0 | 1 | 2;
  readonly dataParallelism: DataParallelism;
  /** Groups over which sums of statistics may add up, in the order of every exchange. */
  readonly sumGroups: readonly ProcessGroup[];
  /** Those, and groups whose ranks hold the same. */
  readonly allGroups: readonly ProcessGroup[];
  readonly bucketBytes: number;
  readonly comparesWeights: boolean;
}

/**
 * Checks a setup for these parameters.
 *
 * @throws {TypeError} if an option does not exist, groups or options contradict each other, or a layout does not fit its parameter
 * @throws {RangeError} if `bucketBytes` is not positive
 */
export function parseSetup(
  parameters: readonly Parameter[],
  {
    tensorParallelGroup,
    dataParallelGroup,
    shardToParam = new Map(),
    zeroStage,
    useZero,
    bucketBytes = DEFAULT_BUCKET_BYTES,
    compareWeights = true,
    ...others
  }: DistributedSetup,
): CheckedSetup {
  // A group under a misspelt name would leave every rank to itself.
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(
      `There is no option ${unknown} of setupDistributed(): there are tensorParallelGroup, dataParallelGroup, ` +
        "shardToParam, zeroStage, useZero, bucketBytes, compareWeights",
    );
  }
  if (!(bucketBytes > 0)) {
    throw new RangeError(`bucketBytes must be > 0: current value is ${bucketBytes}`);
  }
  const stage = stageOf(zeroStage, useZero);
  const data = dataGroupsOf(dataParallelGroup);
  const isLarge = ({ size }: ProcessGroup) => size > 1;
  const layouts = new Map(parameters.map((parameter) => {
    const { layout } = shardToParam.get(parameter) ?? parameter;
    requireFit(parameter, layout);
    return [parameter, layout];
  }));
  const tensor = new Set<ProcessGroup>();
  if (tensorParallelGroup !== undefined) tensor.add(tensorParallelGroup);
  for (const { splits } of layouts.values()) splits.forEach(({ group }) => tensor.add(group));
  if (data.some((group) => isLarge(group) && tensor.has(group))) {
    throw new TypeError(
      "Cannot use one group for both axes, to split parameters and to split the batch: " +
        "give the mesh two axes, one may have size 1",
    );
  }
  const last = stage === 0 ? undefined : data.at(-1);
  const shardGroup = last !== undefined && isLarge(last) ? last : undefined;
  const replicaGroups = data.filter((group) => isLarge(group) && group !== shardGroup);
  const [first, ...rest] = [...tensor];
  const inOrder = tensorParallelGroup === undefined
    ? [shardGroup, first, ...rest]
    : [first, shardGroup, ...rest];
  const sumGroups = inOrder.filter((group) => group !== undefined).filter(isLarge);
  return {
    layouts,
    zeroStage: stage,
    bucketBytes,
    comparesWeights: compareWeights,
    dataParallelism: { shardGroup, replicaGroups },
    sumGroups,
    allGroups: [...sumGroups, ...replicaGroups],
  };
}

function stageOf(
  zeroStage: DistributedSetup["zeroStage"],
  useZero: boolean | undefined,
): 0 | 1 | 2 {
  const meant = useZero === undefined ? undefined : useZero ? 1 : 0;
  if (zeroStage !== undefined && meant !== undefined && zeroStage !== meant) {
    throw new TypeError(
      `Cannot set up as useZero ${useZero} means zeroStage ${meant}, and zeroStage is ${zeroStage}: give one of them`,
    );
  }
  const stage = zeroStage ?? meant ?? 1;
  if (![0, 1, 2].includes(stage)) {
    throw new TypeError(`zeroStage must be 0, 1 or 2, got ${stage}`);
  }
  return stage;
}

function dataGroupsOf(
  given: DistributedSetup["dataParallelGroup"],
): readonly ProcessGroup[] {
  const groups = given === undefined ? [] : "allReduce" in given ? [given] : [...given];
  const large = groups.filter(({ size }) => size > 1);
  if (new Set(large).size < large.length) {
    throw new TypeError("Cannot average over one data-parallel group twice: give one per axis");
  }
  return groups;
}

function requireFit(parameter: Parameter, { localShape }: Layout<ProcessGroup>): void {
  if (localShape.join() === parameter.shape.join()) return;
  throw new TypeError(
    `Cannot step ${parameter.name} of shape [${parameter.shape}] as its layout says that this rank ` +
      `holds [${localShape}]: give the layout that it was cut by`,
  );
}

/**
 * Measured by bench/zero_stages.ts, 2 processes on 2 busy cores, 22.5 MiB of gradients, backward and step together: 0.25 MiB
 * 464 ms, 1 MiB 427, 4 MiB 431, 8 MiB 698, 25 MiB (nothing left to overlap with) 742; stage 1 takes 534. CPU time is the
 * same for all, 0.2 s.
 */
const DEFAULT_BUCKET_BYTES = 4 * 2 ** 20;
