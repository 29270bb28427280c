// The promise: whatever the mesh, training goes as on one rank. Parameters of awkward shapes, split and whole, with a
// different gradient on every data-parallel rank, against float64 Adafactor fed with the average.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm.ts";
import type { ProcessGroup } from "../../src/dist/group.ts";
import { Layout } from "../../src/dist/layout.ts";
import { ProcessGroupMesh } from "../../src/dist/mesh.ts";
import { DistributedAdaFactor } from "../../src/optim/distributed_adafactor.ts";
import type { FactoredView } from "../../src/optim/factored_moment.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { inProcessRanks } from "../dist/in_process_ranks.ts";
import { ReferenceAdafactor } from "./adafactor_reference.ts";
import { assertSameUpdate, gradientAt, initialParameter } from "./golden.ts";

const STEPS = 20;
const SHAPES = [[33, 65], [7, 3], [2, 130], [64, 32], [3, 4, 6], [65], [5], []];

interface Placed {
  readonly name: string;
  readonly shape: readonly number[];
  /** The dim that tensor parallelism cuts, or none. */
  readonly cut: number | undefined;
}

/** Every shape, whole and cut along each dim that is long enough for `tensor` ranks. */
function placements(tensor: number): Placed[] {
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
function shardOf(values: ArrayLike<number>, layout: Layout<ProcessGroup>): Float32Array {
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

interface Mesh {
  readonly tensor: number;
  readonly zero: number;
}

interface Training extends Mesh {
  readonly useZero?: boolean;
  readonly Optimizer?: typeof DistributedAdaFactor;
}

/** Trains on the mesh; gives every rank's shards with their layouts. */
async function train({ tensor, zero, useZero = true, Optimizer = DistributedAdaFactor }: Training) {
  const placed = placements(tensor);
  return await inProcessRanks(tensor * zero, async (world) => {
    const mesh = ProcessGroupMesh.over(world, tensor, zero);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    const dataParallelGroup = await mesh.getGroupAlongAxis(1);
    using device = wasmDevice();
    using scope = new DisposableStack();
    const parameters = placed.map(({ name, shape, cut }) => {
      const splits = cut === undefined ? [] : [{ dim: cut, group: tensorParallelGroup }];
      const layout = new Layout<ProcessGroup>(shape, splits);
      const values = shardOf(initialParameter({ shape }), layout);
      return scope.use(new Parameter(device, values, { layout, name }));
    });
    const optim = scope.use(new Optimizer(parameters, { weightDecay: 0.01, beta1: 0.5 }));
    optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, useZero });
    for (let step = 1; step <= STEPS; step++) {
      for (const [index, parameter] of parameters.entries()) {
        const whole = gradientOf(placed[index], { step, index, replica: dataParallelGroup.rank });
        const grad = shardOf(whole, parameter.layout);
        parameter.grad = Tensor.from(device, grad, { shape: parameter.shape });
      }
      await optim.step();
    }
    const values = [];
    for (const parameter of parameters) values.push(await parameter.data());
    return { values, layouts: parameters.map(({ layout }) => layout) };
  });
}

/** One rank's trajectory, in float64. */
function expectedOf(placed: Placed, index: number, zero: number): Float64Array {
  const reference = new ReferenceAdafactor(
    Float32Array.from(initialParameter(placed)),
    placed.shape,
  );
  for (let step = 1; step <= STEPS; step++) {
    const sum = new Float64Array(reference.parameter.length);
    for (let replica = 0; replica < zero; replica++) {
      gradientOf(placed, { step, index, replica }).forEach((g, k) => sum[k] += g);
    }
    reference.step(sum.map((g) => g / zero), {
      rate: Math.min(1e-2, 1 / Math.sqrt(step)),
      take: step ** -0.8,
      eps1: 1e-30,
      scaleFloor: 1e-3,
      clipThreshold: 1,
      scaleParameter: true,
      weightDecay: 0.01,
      beta1: 0.5,
    });
  }
  return reference.parameter;
}

async function assertEqualsOneRank(training: Training): Promise<void> {
  const ranks = await train(training);
  for (const [index, placed] of placements(training.tensor).entries()) {
    const whole = expectedOf(placed, index, training.zero);
    for (const [rank, { values, layouts }] of ranks.entries()) {
      assertSameUpdate(values[index], shardOf(whole, layouts[index]), {
        start: shardOf(initialParameter(placed), layouts[index]),
        steps: STEPS,
        what: `${placed.name} on rank ${rank}`,
      });
    }
  }
}

for (
  const [tensor, zero] of [[1, 1], [2, 1], [1, 2], [2, 2], [4, 1], [1, 4], [3, 1], [1, 3], [2, 3]]
) {
  Deno.test(`DistributedAdaFactor on tensor ${tensor} x ZeRO ${zero} equals one rank`, async () => {
    await assertEqualsOneRank({ tensor, zero });
  });
}

Deno.test("DistributedAdaFactor without ZeRO averages gradients and equals one rank", async () => {
  await assertEqualsOneRank({ tensor: 2, zero: 2, useZero: false });
});

Deno.test("column sums that are not added up over the ZeRO group fail the test of equality", async () => {
  class Broken extends DistributedAdaFactor {
    protected override viewOf(parameter: Parameter): FactoredView<ProcessGroup> {
      const view = super.viewOf(parameter);
      return { ...view, colSumGroups: [] };
    }
  }
  await assert.rejects(
    assertEqualsOneRank({ tensor: 1, zero: 2, Optimizer: Broken }),
    { name: "AssertionError", message: /differs by/ },
  );
});

Deno.test("step() makes as many collectives for 1 parameter as for 12", async () => {
  const counts = [];
  for (const numParameters of [1, 12]) {
    const [traffic] = await inProcessRanks(4, async (world) => {
      const mesh = ProcessGroupMesh.over(world, 2, 2);
      const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
      const dataParallelGroup = await mesh.getGroupAlongAxis(1);
      using device = wasmDevice();
      using scope = new DisposableStack();
      const parameters = Array.from({ length: numParameters }, (_, index) => {
        const layout = new Layout([6, 10], [{ dim: index % 2, group: tensorParallelGroup }]);
        const values = shardOf(initialParameter({ shape: [6, 10] }), layout);
        return scope.use(new Parameter(device, values, { layout, name: `p${index}` }));
      });
      const optim = scope.use(new DistributedAdaFactor(parameters));
      optim.setupDistributed({ tensorParallelGroup, dataParallelGroup });
      for (const parameter of parameters) {
        const { length, shape } = parameter;
        const values = Float32Array.from({ length }, (_, k) => 1 + k);
        parameter.grad = Tensor.from(device, values, { shape });
      }
      await optim.step();
      return optim.lastStep;
    });
    counts.push(traffic);
  }
  // Reduce-scatter, all-gather, and exchanges A and B over each of the two groups.
  assert.deepEqual(counts.map(({ collectives }) => collectives), [6, 6]);
  // 11 further parameters move gradients and values of 30 elements and 8 + 5 sums each at most, on 2-rank groups:
  // no more than 8 bytes an element, and not a header more.
  const further = counts[1].bytesSent - counts[0].bytesSent;
  assert.ok(further > 11 * 4 * 30 && further <= 11 * 8 * (30 + 24), `${further} bytes`);
});
