// Trainings in which all ranks see the same gradients, compared bit by bit with one rank's.

import assert from "node:assert/strict";
import type { Device, DeviceKind } from "../../../src/device/device.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import type { FloatType } from "../../../src/tensor/dtype.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { inProcessRanks } from "../distributed/in_process_ranks.ts";
import type { DistributedOptimizer, TestedOptimizer } from "./distributed_optimizer.ts";
import { gradientAt, initialParameter } from "./golden.ts";
import { type Placed, shardOf } from "./sharded_training.ts";

/** Shapes whose first dim 8 ranks cut evenly, and 64 ranks too where tensor parallelism cuts it as well. */
export const EVEN_SHAPES = [[64, 48], [128, 40], [8, 16, 24], [64, 3, 8], [192], [64, 1]];

/** Every shape, whole and cut along each dim that `tensor` ranks cut evenly. */
export function evenPlacements(tensor: number, shapes: readonly (readonly number[])[]): Placed[] {
  return shapes.flatMap((shape) => {
    const cuts = shape.flatMap((length, dim) =>
      tensor > 1 && length % 8 === 0 && (dim > 0 || length >= 64) ? [dim] : []
    );
    return [undefined, ...cuts].map((cut) => ({ name: `[${shape}] cut ${cut}`, shape, cut }));
  });
}

export interface SameBitsRun {
  readonly tensor: number;
  readonly zero: number;
  readonly useZero?: boolean;
  readonly placed: readonly Placed[];
  /** Of Adafactor. */
  readonly options?: OptimizerOptions;
  readonly kind?: DeviceKind;
  readonly steps?: number;
  /** How parameters and gradients are stored, by their number. */
  readonly typeOf?: (index: number) => FloatType;
  readonly Optimizer?: typeof DistributedAdaFactor;
  /** Another optimizer than that. */
  readonly optimizer?: TestedOptimizer["optimizer"];
  readonly zeroStage?: 0 | 1 | 2;
}

/** Every rank's values and layouts after some steps, in which all ranks see the same gradients. */
async function train(
  {
    tensor,
    zero,
    zeroStage,
    useZero = zeroStage === undefined ? true : undefined,
    placed,
    ...rest
  }: SameBitsRun,
) {
  const { steps = 50, Optimizer = DistributedAdaFactor, typeOf = () => "f32" } = rest;
  const { options = {}, kind = "wasm", optimizer } = rest;
  return await inProcessRanks(tensor * zero, async (world) => {
    const mesh = ProcessGroupMesh.over(world, tensor, zero);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    const dataParallelGroup = await mesh.getGroupAlongAxis(1);
    using device: Device = await requestDevice({ kind });
    using scope = new DisposableStack();
    const parameters = placed.map(({ name, shape, cut }, index) => {
      const splits = cut === undefined ? [] : [{ dim: cut, group: tensorParallelGroup }];
      const layout = new Layout<ProcessGroup>(shape, splits);
      const values = shardOf(Float32Array.from(initialParameter({ shape })), layout);
      const dtype = typeOf(index);
      return scope.use(new Parameter(device, values, { layout, name, dtype }));
    });
    const optim = scope.use(
      optimizer?.(parameters) ??
        new Optimizer(parameters, options) as unknown as DistributedOptimizer,
    );
    optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, useZero, zeroStage });
    for (let step = 1; step <= steps; step++) {
      for (const [index, parameter] of parameters.entries()) {
        const { shape } = placed[index];
        const whole = Float32Array.from(
          gradientAt(step, { shape, gradientScale: 10 ** (-3 + index % 3) }),
        );
        const gradient = shardOf(whole, parameter.layout);
        const { shape: localShape, dtype } = parameter;
        parameter.grad = Tensor.from(device, gradient, { shape: localShape, dtype });
      }
      await optim.step();
    }
    const values = [];
    for (const parameter of parameters) values.push(await parameter.data());
    for (const parameter of parameters) parameter.zeroGrad();
    return { values, layouts: parameters.map(({ layout }) => layout) };
  });
}

/** How many of all elements differ in any bit from one rank's. */
export async function numDiffering(run: SameBitsRun): Promise<number> {
  const [alone] = await train({ ...run, tensor: 1, zero: 1, Optimizer: DistributedAdaFactor });
  const ranks = await train(run);
  let differing = 0;
  for (const { values, layouts } of ranks) {
    for (const [index, shard] of values.entries()) {
      const expected = shardOf(alone.values[index], layouts[index]);
      assert.equal(shard.length, expected.length);
      const start = shardOf(
        Float32Array.from(initialParameter(run.placed[index])),
        layouts[index],
      );
      assert.ok(
        shard.length === 0 || shard.some((value, k) => value !== start[k]),
        "nothing moved",
      );
      shard.forEach((value, k) => differing += Object.is(value, expected[k]) ? 0 : 1);
    }
  }
  return differing;
}
