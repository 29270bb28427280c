// Parameters of awkward shapes, split and whole, trained on a mesh of in-process ranks with a different gradient on every
// data-parallel rank; and the same in float64 on one rank, fed with the average.

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { add } from "../../../src/ops/add.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import {
  type AdafactorOptions,
  parseHyperparameters,
} from "../../../src/optim/options/hyperparameters.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import type { FloatType } from "../../../src/tensor/dtype.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { inProcessRanks } from "../distributed/in_process_ranks.ts";
import { ReferenceAdafactor } from "../../reference/adafactor.ts";
import type {
  DistributedOptimizer,
  ReferenceOptimizer,
  SavedStates,
  TestedOptimizer,
} from "./distributed_optimizer.ts";
import { assertSameUpdate, gradientAt, initialParameter } from "./golden.ts";

const SHAPES = [[33, 65], [7, 3], [2, 130], [64, 32], [3, 4, 6], [65], [5], []];

/** One parameter. */
export interface Placed {
  readonly name: string;
  readonly shape: readonly number[];
  /** The dim that tensor parallelism cuts, or none. */
  readonly cut: number | undefined;
  /** The dim that a second tensor-parallel axis cuts. */
  readonly secondCut?: number;
  /** Shape with pads, whose gradients are garbage. */
  readonly paddedShape?: readonly number[];
}

/** Every shape, whole and cut along each dim that is long enough for `tensor` ranks. */
export function placements(tensor: number): Placed[] {
  return SHAPES.flatMap((shape) => {
    const cuts = shape.flatMap((length, dim) => tensor > 1 && length >= tensor ? [dim] : []);
    return [undefined, ...cuts].map((cut) => ({
      name: `[${shape}] ${cut === undefined ? "whole" : `cut along dim ${cut}`}`,
      shape,
      cut,
    }));
  });
}

/** Data-parallel rank `replica`'s gradient of the parameter number `index`. */
function gradientOf(
  { shape }: Placed,
  at: { step: number; index: number; replica: number },
): number[] {
  return gradientAt(at.step + 3 * at.replica, { shape, gradientScale: 10 ** (-2 - at.index % 3) });
}

/** This rank's part of whole values, as it is stored: pads are `pad`. */
export function shardOf(
  values: ArrayLike<number>,
  layout: Layout<ProcessGroup>,
  pad = 0,
): Float32Array {
  const { localShape, globalShape } = layout;
  const out: number[] = [];
  const walk = (dim: number, base: number, isPad: boolean): void => {
    if (dim === globalShape.length) {
      out.push(isPad ? pad : values[base]);
      return;
    }
    const { begin, end } = layout.range(dim);
    for (let i = begin; i < begin + localShape[dim]; i++) {
      walk(dim + 1, base * globalShape[dim] + i, isPad || i >= end);
    }
  };
  walk(0, 0, false);
  return Float32Array.from(out);
}

/** A training on a mesh. */
export interface Training {
  readonly tensor: number;
  /** Ranks of a second tensor-parallel axis. */
  readonly secondTensor?: number;
  /** Data-parallel ranks that hold the same rows. */
  readonly replicate?: number;
  /** Data-parallel ranks that own different rows. */
  readonly zero: number;
  /** Parameters; by default those that `tensor` allows. */
  readonly placed?: readonly Placed[];
  readonly useZero?: boolean;
  readonly zeroStage?: 0 | 1 | 2;
  readonly bucketBytes?: number;
  /** Instead of setting `grad`, compute it by this many calls of the optimizer's `backward`. */
  readonly microBatches?: number;
  readonly Optimizer?: typeof DistributedAdaFactor;
  /** Another optimizer than `Optimizer` with `options`, of which then `maxGradientNorm` alone counts, and its reference. */
  readonly tested?: TestedOptimizer;
  readonly options?: OptimizerOptions;
  readonly gradientDivisor?: number;
  /** Replicas whose gradients are averaged, where they are more than the data-parallel ranks. */
  readonly replicas?: number;
  readonly steps?: number;
  /** How parameters are stored, and their gradients. Default f32. */
  readonly dtype?: FloatType;
  readonly gradientDtype?: FloatType;
  /** Where another training left off. */
  readonly from?: Saved;
}

/** What a training leaves behind. */
export interface Saved {
  readonly step: number;
  /** Whole parameters. */
  readonly values: readonly ArrayLike<number>[];
  readonly state: SavedStates;
}

const OPTIONS: OptimizerOptions = { weightDecay: 0.01, beta1: 0.5 };
const STEPS = 20;

/** Trains on the mesh; gives every rank's shards with their layouts, and the state. */
export async function train(training: Training) {
  const { tensor, secondTensor = 1, replicate = 1, zero, from } = training;
  const { useZero, zeroStage, bucketBytes, Optimizer = DistributedAdaFactor, tested } = training;
  const { options = OPTIONS, steps = STEPS, gradientDivisor, microBatches } = training;
  const numReplicas = replicate * zero;
  const { replicas = numReplicas, placed = placements(tensor) } = training;
  const { dtype = "f32", gradientDtype = "f32" } = training;
  return await inProcessRanks(tensor * secondTensor * numReplicas, async (world) => {
    const mesh = ProcessGroupMesh.over(world, tensor, secondTensor, replicate, zero);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    const secondGroup = await mesh.getGroupAlongAxis(1);
    const replicateGroup = await mesh.getGroupAlongAxis(2);
    const shardGroup = await mesh.getGroupAlongAxis(3);
    const dataParallelGroup = replicate > 1 ? [replicateGroup, shardGroup] : shardGroup;
    using device = wasmDevice();
    using scope = new DisposableStack();
    const parameters = placed.map(({ name, shape, cut, secondCut, paddedShape }, index) => {
      const splits = [
        ...(cut === undefined ? [] : [{ dim: cut, group: tensorParallelGroup }]),
        ...(secondCut === undefined ? [] : [{ dim: secondCut, group: secondGroup }]),
      ];
      const layout = new Layout<ProcessGroup>(shape, splits, { paddedShape: paddedShape ?? shape });
      const values = shardOf(from?.values[index] ?? initialParameter({ shape }), layout);
      return scope.use(new Parameter(device, values, { layout, name, dtype, gradientDtype }));
    });
    const optim = scope.use(
      tested?.optimizer(parameters) ??
        new Optimizer(parameters, options) as unknown as DistributedOptimizer,
    );
    optim.setupDistributed({
      tensorParallelGroup,
      dataParallelGroup,
      useZero,
      zeroStage,
      bucketBytes,
    });
    if (from !== undefined) optim.loadStateDict(from.state);
    const dataRank = replicateGroup.rank * zero + shardGroup.rank;
    const begin = from?.step ?? 0;
    for (let step = begin + 1; step <= begin + steps; step++) {
      const gradients = parameters.map(({ layout }, index) => {
        const whole = new Float64Array(placed[index].shape.reduce((a, b) => a * b, 1));
        // A rank takes every numReplicas-th replica, so that these ranks see what one would.
        for (let replica = dataRank; replica < replicas; replica += numReplicas) {
          const gradient = gradientOf(placed[index], { step, index, replica });
          gradient.forEach((g, k) => whole[k] += g * numReplicas / replicas);
        }
        return shardOf(whole, layout, NaN);
      });
      if (microBatches === undefined) {
        for (const [index, parameter] of parameters.entries()) {
          const { shape } = parameter;
          parameter.grad = Tensor.from(device, gradients[index], { shape, dtype: gradientDtype });
        }
      } else {
        optim.zeroGrad();
        for (let batch = 0; batch < microBatches; batch++) {
          await backwardOf(optim, { gradients, share: 1 / microBatches, rotate: dataRank + step });
        }
      }
      await optim.step(gradientDivisor === undefined ? {} : { gradientDivisor });
    }
    const values = [];
    for (const parameter of parameters) values.push(await parameter.data());
    const state = await optim.stateDict();
    const { lastStep, lastBackward } = optim;
    const layouts = parameters.map(({ layout }) => layout);
    optim.zeroGrad();
    return { values, layouts, state, lastStep, lastBackward };
  });
}

/**
 * Backward from the sum of p times `share` of its gradient, over all parameters: each gradient is that share. The sum
 * begins with parameter `rotate`, so that ranks complete gradients in different orders.
 */
export async function backwardOf(
  optim: Pick<DistributedOptimizer, "parameters" | "backward">,
  { gradients, share = 1, rotate = 0 }: {
    readonly gradients: readonly Float32Array[];
    readonly share?: number;
    readonly rotate?: number;
  },
): Promise<void> {
  using scope = new DisposableStack();
  const terms = optim.parameters.map((parameter, index) => {
    const { device, shape } = parameter;
    const values = gradients[index].map((g) => share * g);
    return sum(mul(parameter, scope.use(Tensor.from(device, values, { shape }))));
  });
  const begin = rotate % terms.length;
  using loss = [...terms.slice(begin), ...terms.slice(0, begin)].reduce((a, b) => add(a, b));
  await optim.backward(loss);
}

/** One rank's trajectories of all parameters, in float64. */
export function expectedOf(training: Training): Float64Array[] {
  const { tensor, zero, replicate = 1, options = OPTIONS, steps = STEPS } = training;
  const { gradientDivisor = 1, replicas = zero * replicate, tested } = training;
  const { maxGradientNorm = Infinity, nonFinite: _, ...shared } = options;
  const placed = training.placed ?? placements(tensor);
  const hyper = parseHyperparameters(shared);
  const references = placed.map(({ shape }): ReferenceOptimizer => {
    const start = Float32Array.from(initialParameter({ shape }));
    if (tested !== undefined) return tested.reference(start);
    const reference = new ReferenceAdafactor(start, {
      shape,
      isFactored: isFactored(shape, shared),
    });
    return {
      parameter: reference.parameter,
      step: (gradient, at) => reference.step(gradient, { ...at, hyper }),
    };
  });
  for (let step = 1; step <= steps; step++) {
    const gradients = placed.map((each, index) => {
      const mean = new Float64Array(references[index].parameter.length);
      for (let replica = 0; replica < replicas; replica++) {
        gradientOf(each, { step, index, replica }).forEach((g, k) =>
          mean[k] += g / (replicas * gradientDivisor)
        );
      }
      return mean;
    });
    const norm = Math.hypot(...gradients.map((values) => Math.hypot(...values)));
    const gradientScale = Math.min(1, maxGradientNorm / norm);
    for (const [index, reference] of references.entries()) {
      reference.step(gradients[index], { step, gradientScale });
    }
  }
  return references.map(({ parameter }) => parameter);
}

/** Asserts that every rank's shards moved as the whole parameters do on one rank. */
export function assertEqualsOneRank(
  ranks: Awaited<ReturnType<typeof train>>,
  { training, totalSteps = STEPS }: { training: Training; totalSteps?: number },
): void {
  const wholes = expectedOf({ ...training, steps: totalSteps });
  const placed = training.placed ?? placements(training.tensor);
  for (const [index, each] of placed.entries()) {
    for (const [rank, { values, layouts }] of ranks.entries()) {
      if (isAllPads(layouts[index])) {
        assert.ok(values[index].every((value) => value === 0), `${each.name} on rank ${rank}`);
        continue;
      }
      assertSameUpdate(values[index], shardOf(wholes[index], layouts[index]), {
        start: shardOf(initialParameter(each), layouts[index]),
        steps: totalSteps,
        what: `${each.name} on rank ${rank}`,
      });
    }
  }
}

function isAllPads(layout: Layout<ProcessGroup>): boolean {
  return layout.globalShape.some((_, dim) => layout.range(dim).begin === layout.range(dim).end);
}

/** By the rules that these trainings use: the last two dims, or the two largest where they are the last two. */
function isFactored(shape: readonly number[], { factoring = "lastTwo" }: AdafactorOptions) {
  if (shape.length < 2 || factoring === "none") return false;
  if (factoring === "lastTwo") return true;
  if (!("largestTwo" in factoring)) throw new TypeError("The reference knows no roles");
  return shape.toSorted((a, b) => b - a)[1] >= factoring.largestTwo;
}
