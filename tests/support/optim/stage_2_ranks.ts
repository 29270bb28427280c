// Data-parallel ranks under ZeRO stage 2, and losses whose backward can be watched, for tests.

import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import type { World } from "../../../src/distributed/world.ts";
import { add } from "../../../src/ops/add.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type { DistributedSetup } from "../../../src/optim/zero/distributed_setup.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import type { FloatTensor } from "../../../src/tensor/tensor.ts";
import { inProcessRanks } from "../distributed/in_process_ranks.ts";

/** One rank's part of a test. */
export interface Fixture {
  readonly world: World;
  readonly device: Device;
  readonly parameters: readonly Parameter[];
  readonly optim: DistributedAdaFactor;
}

/** Runs `body` on data-parallel ranks, with parameters of these shapes and ZeRO stage 2. */
export async function onRanks<T>(
  { size, shapes, options = {}, setup = {}, wrap = (group) => group }: {
    readonly size: number;
    readonly shapes: readonly (readonly number[])[];
    readonly options?: OptimizerOptions;
    readonly setup?: DistributedSetup;
    readonly wrap?: (group: ProcessGroup) => ProcessGroup;
  },
  body: (fixture: Fixture) => Promise<T>,
): Promise<T[]> {
  return await inProcessRanks(size, async (world) => {
    using device = wasmDevice();
    using scope = new DisposableStack();
    const parameters = shapes.map((shape, index) => {
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1);
      return scope.use(new Parameter(device, values, { shape, name: `p${index}` }));
    });
    const optim = scope.use(new DistributedAdaFactor(parameters, options));
    optim.setupDistributed({ dataParallelGroup: wrap(world.group), zeroStage: 2, ...setup });
    return await body({ world, device, parameters, optim });
  });
}

/** A gradient of ones. */
export const onesLike = ({ length }: Parameter): Float32Array => new Float32Array(length).fill(1);

/** x itself; `onGradient` is called when backward passes by. */
export function probe(x: FloatTensor, onGradient: () => void): FloatTensor {
  return x.alias(x.shape).computedBy({
    op: "probe",
    inputs: [x],
    gradient(dy) {
      onGradient();
      return [dy];
    },
  });
}

/** The sum of the squares of all parameters; its backward comes by `probes[k]` right before parameter k. */
export function sumOfSquares(
  parameters: readonly Parameter[],
  probes: Readonly<Record<number, () => void>> = {},
): FloatTensor {
  const terms = parameters.map((parameter, index) =>
    probe(sum(mul(parameter, parameter)), probes[index] ?? (() => {}))
  );
  return terms.reduce((a, b) => add(a, b));
}
