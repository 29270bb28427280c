import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { AdamW } from "../../../src/optim/adamw.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { gradientAt, initialParameter } from "../../support/optim/golden.ts";
import { shardOf } from "../../support/optim/sharded_training.ts";

/** The norm is small before gradients are clipped, and far larger than the bound. */
const OPTIONS = { lr: 0.1, maxGradientNorm: 1e-6 };

const SHAPES = [[8, 16], [4, 8, 4], [24]];

const gradientsAt = (step: number) =>
  SHAPES.map((shape) => gradientAt(step, { shape, gradientScale: 0.01 }));

function normOf(arrays: readonly (readonly number[])[]): number {
  return Math.sqrt(arrays.reduce((sum, each) => sum + each.reduce((all, x) => all + x ** 2, 0), 0));
}

for (const Optimizer of [Adafactor, AdamW]) {
  Deno.test(`gradientNorm() is the norm of all gradients of a step of ${Optimizer.name}, before they are clipped`, async () => {
    using device = wasmDevice();
    using scope = new DisposableStack();
    const parameters = SHAPES.map((shape) =>
      scope.use(new Parameter(device, initialParameter({ shape }), { shape }))
    );
    using optim = new Optimizer(parameters, OPTIONS);
    assert.equal(await optim.gradientNorm(), undefined);
    for (const gradientDivisor of [1, 4]) {
      const gradients = gradientsAt(gradientDivisor);
      for (const [k, parameter] of parameters.entries()) {
        parameter.grad = Tensor.from(device, gradients[k], { shape: SHAPES[k] });
      }
      await optim.step({ gradientDivisor });
      optim.zeroGrad();
      const [actual, expected] = [
        (await optim.gradientNorm())!,
        normOf(gradients) / gradientDivisor,
      ];
      assert.ok(Math.abs(actual / expected - 1) < 1e-6, `${actual} and ${expected}`);
    }
    parameters[0].grad = Tensor.from(device, new Float32Array(128).fill(NaN), { shape: SHAPES[0] });
    for (const k of [1, 2]) {
      parameters[k].grad = Tensor.from(device, gradientsAt(1)[k], { shape: SHAPES[k] });
    }
    await assert.rejects(optim.step());
    assert.equal(await optim.gradientNorm(), undefined);
  });
}

Deno.test("gradientNorm() is that of the loss itself, whatever it was multiplied by", async () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [3, 4], { shape: [2] });
  using optim = new Adafactor([parameter], { lr: 1e-3, lossScale: 1024 });
  using loss = sum(mul(parameter, parameter));
  await optim.backward(loss);
  await optim.step();
  assert.equal(await optim.gradientNorm(), 10);
});

for (const zeroStage of [0, 1, 2] as const) {
  Deno.test(`gradientNorm() has the same bits on 4 ranks as on one, without communication, ZeRO stage ${zeroStage}`, async () => {
    const [[alone]] = await normsOn(1, 1, zeroStage);
    assert.ok(Math.abs(alone / normOf(gradientsAt(1)) - 1) < 1e-6);
    for (const tensor of [1, 2, 4]) {
      for (const norms of await normsOn(tensor, 4 / tensor, zeroStage)) {
        assert.deepEqual(norms, [alone, 0]);
      }
    }
  });
}

/** On every rank of the mesh, the norm of one step, and how many collectives asking for it made. */
async function normsOn(
  tensor: number,
  zero: number,
  zeroStage: 0 | 1 | 2,
): Promise<[number, number][]> {
  return await inProcessRanks(tensor * zero, async (world) => {
    const mesh = ProcessGroupMesh.over(world, tensor, zero);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    const dataParallelGroup = await mesh.getGroupAlongAxis(1);
    using device = wasmDevice();
    using scope = new DisposableStack();
    const parameters = SHAPES.map((shape) => {
      // A vector is whole on every rank, and counts once.
      const split = shape.length > 1 ? [{ dim: shape.length - 1, group: tensorParallelGroup }] : [];
      const layout = new Layout<ProcessGroup>(shape, split);
      return scope.use(
        new Parameter(device, shardOf(initialParameter({ shape }), layout), { layout }),
      );
    });
    using optim = new DistributedAdaFactor(parameters, OPTIONS);
    optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, zeroStage });
    for (const [k, gradient] of gradientsAt(1).entries()) {
      const { layout, shape } = parameters[k];
      parameters[k].grad = Tensor.from(device, shardOf(gradient, layout), { shape });
    }
    await optim.step();
    const calls = () =>
      [tensorParallelGroup, dataParallelGroup].reduce(
        (all, { counters }) => all + counters.collectives,
        0,
      );
    const before = calls();
    const norm = await optim.gradientNorm();
    return [norm!, calls() - before] as [number, number];
  });
}
