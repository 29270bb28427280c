// A model trained whole on one device, and split on a mesh of in-process ranks: the same losses, gradients and updates.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import type { Parameter } from "../../../src/tensor/parameter.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { assertClose, largestOf } from "../assert_close.ts";
import { inProcessRanks } from "../distributed/in_process_ranks.ts";
import { shardOf } from "../optim/sharded_training.ts";

/** Parameters and a loss of them, which every call computes anew. */
export interface Trainable extends Disposable {
  namedParameters(): Map<string, Parameter>;
  loss(): Promise<Tensor>;
}

/** A model to train whole, and how to split it. */
export interface SplitCase {
  readonly tensor: number;
  /** Data-parallel ranks, which all have the same batch. Default: 1. */
  readonly zero?: number;
  readonly zeroStage?: 0 | 1 | 2;
  readonly steps?: number;
  readonly options?: OptimizerOptions;
  /** The same model at every call. */
  whole(device: Device): Trainable;
  /** The same model, split over axis 0 of the mesh. */
  split(device: Device, place: Place): Promise<Trainable>;
  /** Error of gradients and updates, relative to the largest and to the update. Default: 2e-5. */
  readonly tolerance?: number;
}

/** The mesh and the tensor-parallel group of a rank. */
export interface Place {
  readonly mesh: ProcessGroupMesh;
  readonly group: ProcessGroup;
}

/** Every gradient is clipped, so that a part that was counted twice would show in all statistics. */
const OPTIONS: OptimizerOptions = {
  lr: 0.01,
  weightDecay: 0.01,
  beta1: 0.5,
  maxGradientNorm: 1e-3,
};

/** Asserts that ranks train as one device does. */
export async function assertTrainsAsWhole(
  { tensor, zero = 1, zeroStage, whole, split, ...rest }: SplitCase,
): Promise<void> {
  const { steps = 5, options = OPTIONS, tolerance = 2e-5 } = rest;
  using device = wasmDevice();
  using model = whole(device);
  using optim = new Adafactor([...model.namedParameters().values()], options);
  const expected = await trained(model, { optim, steps, readsGradients: true });
  const wholeState = await optim.stateDict();

  await inProcessRanks(tensor * zero, async (world) => {
    const mesh = ProcessGroupMesh.over(world, tensor, zero);
    const group = await mesh.getGroupAlongAxis(0);
    using device = wasmDevice();
    using model = await split(device, { mesh, group });
    const named = model.namedParameters();
    assert.deepEqual([...named.keys()].sort(), [...expected.values.keys()].sort());
    using optim = new DistributedAdaFactor([...named.values()], options);
    optim.setupDistributed({
      tensorParallelGroup: group,
      zeroStage,
      dataParallelGroup: await mesh.getGroupAlongAxis(1),
    });
    const actual = await trained(model, { optim, steps, readsGradients: zeroStage !== 2 });
    const at = `on rank ${world.rank}`;
    assertNear(actual.losses, expected.losses, { tolerance: 1e-5, what: `losses ${at}` });
    for (const [name, { layout }] of named) {
      const part = (values: ReadonlyMap<string, Float32Array>) =>
        shardOf(values.get(name)!, layout);
      if (zeroStage !== 2) {
        // A part may have much smaller gradients than the whole.
        const largest = largestOf(expected.gradients.get(name)!);
        assertNear(actual.gradients.get(name)!, part(expected.gradients), {
          tolerance,
          largest,
          what: `gradient of ${name} ${at}`,
        });
      }
      assertMoved(actual.values.get(name)!, part(expected.values), {
        start: part(expected.starts),
        tolerance,
        what: `${name} ${at}`,
      });
    }
    const state = await optim.stateDict();
    for (const [name, { rowMeans, colMeans, rows, cols }] of Object.entries(wholeState)) {
      assert.deepEqual([state[name].rows, state[name].cols], [rows, cols]);
      for (const [key, values] of Object.entries({ rowMeans, colMeans })) {
        assertNear(state[name][key as "rowMeans"], values, {
          tolerance: 2 * tolerance,
          what: `${key} of ${name} ${at}`,
        });
      }
    }
  });
}

interface Trained {
  readonly losses: readonly number[];
  /** After the first backward. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly starts: ReadonlyMap<string, Float32Array>;
  readonly values: ReadonlyMap<string, Float32Array>;
}

async function trained(
  model: Trainable,
  { optim, steps, readsGradients }: {
    readonly optim: Adafactor;
    readonly steps: number;
    readonly readsGradients: boolean;
  },
): Promise<Trained> {
  const parameters = model.namedParameters();
  const valuesOf = async (tensorOf: (parameter: Parameter) => Pick<Tensor, "data">) => {
    const values = new Map<string, Float32Array>();
    for (const [name, parameter] of parameters) values.set(name, await tensorOf(parameter).data());
    return values;
  };
  const asTensor = (parameter: Parameter) => parameter as unknown as Tensor;
  const starts = await valuesOf(asTensor);
  const losses: number[] = [];
  let gradients = new Map<string, Float32Array>();
  for (let step = 0; step < steps; step++) {
    using loss = await model.loss();
    losses.push(await loss.item());
    await optim.backward(loss);
    if (step === 0 && readsGradients) gradients = await valuesOf(({ grad }) => grad as Tensor);
    await optim.step();
    optim.zeroGrad();
  }
  return { losses, gradients, starts, values: await valuesOf(asTensor) };
}

/** Relative to the largest that is expected. */
export function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { tolerance, what, largest = largestOf(expected) }: {
    readonly tolerance: number;
    readonly what: string;
    readonly largest?: number;
  },
): void {
  assertClose(actual, expected, { ofLargest: tolerance, largest, name: what });
}

/** Asserts that updates are equal in norm, up to the tolerance, and that weights which did not move would fail. Padding does not move. */
function assertMoved(
  actual: Float32Array,
  expected: Float32Array,
  { start, tolerance, what }: {
    readonly start: Float32Array;
    readonly tolerance: number;
    readonly what: string;
  },
): void {
  if (expected.every((value) => value === 0)) {
    assert.ok(actual.every((value) => value === 0), `${what}: pads moved`);
    return;
  }
  const update = Math.hypot(...expected.map((value, k) => value - start[k]));
  const difference = Math.hypot(...expected.map((value, k) => value - actual[k]));
  const rounding = 2 ** -22 * Math.hypot(...expected);
  assert.ok(update > 10 * (tolerance * update + rounding), `${what}: standing still would pass`);
  assert.ok(
    difference <= tolerance * update + rounding,
    `${what}: differs by ${difference / update} of the update`,
  );
}
