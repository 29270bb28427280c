// Parameters of awkward shapes, split and whole, trained on a mesh of in-process ranks with a different gradient on every
// data-parallel rank; and the same in float64 on one rank, fed with the average.

import { wasmDevice } from "../../src/device/wasm.ts";
import type { ProcessGroup } from "../../src/dist/group.ts";
import { Layout } from "../../src/dist/layout.ts";
import { ProcessGroupMesh } from "../../src/dist/mesh.ts";
import type { OptimizerState } from "../../src/optim/adafactor_state.ts";
import { DistributedAdaFactor } from "../../src/optim/distributed_adafactor.ts";
import { type AdafactorOptions, parseHyperparameters } from "../../src/optim/hyperparameters.ts";
import type { OptimizerOptions } from "../../src/optim/parameter_groups.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { inProcessRanks } from "../dist/in_process_ranks.ts";
import { ReferenceAdafactor } from "./adafactor_reference.ts";
import { assertSameUpdate, gradientAt, initialParameter } from "./golden.ts";

const SHAPES = [[33, 65], [7, 3], [2, 130], [64, 32], [3, 4, 6], [65], [5], []];

/** One parameter. */
export interface Placed {
  readonly name: string;
  readonly shape: readonly number[];
  /** The dim that tensor parallelism cuts, or none. */
  readonly cut: number | undefined;
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

/** This rank's part of whole values. */
export function shardOf(values: ArrayLike<number>, layout: Layout<ProcessGroup>): Float32Array {
  const ranges = layout.globalShape.map((_, dim) => layout.range(dim));
  const out: number[] = [];
  const walk = (dim: number, base: number): void => {
    if (dim === ranges.length) {
      out.push(values[base]);
      return;
    }
    const { begin, end } = ranges[dim];
    for (let i = begin; i < end; i++) walk(dim + 1, base * layout.globalShape[dim] + i);
  };
  walk(0, 0);
  return Float32Array.from(out);
}

/** A training on a mesh. */
export interface Training {
  readonly tensor: number;
  /** Data-parallel ranks. */
  readonly zero: number;
  /** Parameters; by default those that `tensor` allows. */
  readonly placed?: readonly Placed[];
  readonly useZero?: boolean;
  readonly Optimizer?: typeof DistributedAdaFactor;
  readonly options?: OptimizerOptions;
  readonly gradientDivisor?: number;
  /** Replicas whose gradients are averaged, where they are more than the data-parallel ranks. */
  readonly replicas?: number;
  readonly steps?: number;
  /** Where another training left off. */
  readonly from?: Saved;
}

/** What a training leaves behind. */
export interface Saved {
  readonly step: number;
  /** Whole parameters. */
  readonly values: readonly ArrayLike<number>[];
  readonly state: OptimizerState;
}

const OPTIONS: OptimizerOptions = { weightDecay: 0.01, beta1: 0.5 };
const STEPS = 20;

/** Trains on the mesh; gives every rank's shards with their layouts, and the state. */
export async function train(training: Training) {
  const { tensor, zero, useZero = true, Optimizer = DistributedAdaFactor, from } = training;
  const { options = OPTIONS, steps = STEPS, gradientDivisor, replicas = zero } = training;
  const placed = training.placed ?? placements(tensor);
  return await inProcessRanks(tensor * zero, async (world) => {
    const mesh = ProcessGroupMesh.over(world, tensor, zero);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    const dataParallelGroup = await mesh.getGroupAlongAxis(1);
    using device = wasmDevice();
    using scope = new DisposableStack();
    const parameters = placed.map(({ name, shape, cut }, index) => {
      const splits = cut === undefined ? [] : [{ dim: cut, group: tensorParallelGroup }];
      const layout = new Layout<ProcessGroup>(shape, splits);
      const values = shardOf(from?.values[index] ?? initialParameter({ shape }), layout);
      return scope.use(new Parameter(device, values, { layout, name }));
    });
    const optim = scope.use(new Optimizer(parameters, options));
    optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, useZero });
    if (from !== undefined) optim.loadStateDict(from.state);
    const begin = from?.step ?? 0;
    for (let step = begin + 1; step <= begin + steps; step++) {
      for (const [index, parameter] of parameters.entries()) {
        const whole = new Float64Array(placed[index].shape.reduce((a, b) => a * b, 1));
        // A rank takes every zero-th replica, so that `zero` ranks see what one would.
        for (let replica = dataParallelGroup.rank; replica < replicas; replica += zero) {
          const gradient = gradientOf(placed[index], { step, index, replica });
          gradient.forEach((g, k) => whole[k] += g * zero / replicas);
        }
        const grad = shardOf(whole, parameter.layout);
        parameter.grad = Tensor.from(device, grad, { shape: parameter.shape });
      }
      await optim.step(gradientDivisor === undefined ? {} : { gradientDivisor });
    }
    const values = [];
    for (const parameter of parameters) values.push(await parameter.data());
    const state = await optim.stateDict();
    return { values, layouts: parameters.map(({ layout }) => layout), state };
  });
}

/** One rank's trajectories of all parameters, in float64. */
export function expectedOf(training: Training): Float64Array[] {
  const { tensor, zero, options = OPTIONS, steps = STEPS } = training;
  const { gradientDivisor = 1, replicas = zero } = training;
  const { maxGradientNorm = Infinity, nonFinite: _, ...shared } = options;
  const placed = training.placed ?? placements(tensor);
  const hyper = parseHyperparameters(shared);
  const references = placed.map(({ shape }) => {
    const start = Float32Array.from(initialParameter({ shape }));
    return new ReferenceAdafactor(start, { shape, isFactored: isFactored(shape, shared) });
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
      reference.step(gradients[index], { hyper, step, gradientScale });
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
      assertSameUpdate(values[index], shardOf(wholes[index], layouts[index]), {
        start: shardOf(initialParameter(each), layouts[index]),
        steps: totalSteps,
        what: `${each.name} on rank ${rank}`,
      });
    }
  }
}

/** By the rules that these trainings use: the last two dims, or the two largest where they are the last two. */
function isFactored(shape: readonly number[], { factoring = "lastTwo" }: AdafactorOptions) {
  if (shape.length < 2 || factoring === "none") return false;
  if (factoring === "lastTwo") return true;
  if (!("largestTwo" in factoring)) throw new TypeError("The reference knows no roles");
  return shape.toSorted((a, b) => b - a)[1] >= factoring.largestTwo;
}
