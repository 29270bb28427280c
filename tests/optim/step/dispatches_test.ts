// The number of kernels that a step runs: few, however many parameters there are.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";

/** GPT-2 small's parameters with width 768 / `by`. */
function gpt2(by: number): number[][] {
  const width = 768 / by;
  const layer = [
    ...[[width], [width], [width, 3 * width], [3 * width], [width, width], [width]],
    ...[[width], [width], [width, 4 * width], [4 * width], [4 * width, width], [width]],
  ];
  const layers = Array.from({ length: 12 }, () => layer).flat();
  return [[Math.ceil(50257 / by), width], [1024, width], ...layers, [width], [width]];
}

/** The first `numLayers` blocks of Llama-7B and its embedding, with width 4096 / `by`. */
function llama7b(by: number, numLayers: number): number[][] {
  const [width, hidden] = [4096 / by, 11008 / by];
  const square = [width, width];
  const layer = [
    ...[square, square, square, square, [hidden, width], [hidden, width], [width, hidden]],
    ...[[width], [width]],
  ];
  return [[32000 / by, width], ...Array.from({ length: numLayers }, () => layer).flat()];
}

const MODELS = { "GPT-2 small's": gpt2(4), "Llama-7B's first": llama7b(16, 4) };
const OPTIONS: Readonly<Record<string, OptimizerOptions>> = {
  "the defaults": {},
  momentum: { beta1: 0.9 },
};
/** Larger parameters are stepped in place. */
const LARGE = 2 ** 16;

for (const [model, shapes] of Object.entries(MODELS)) {
  for (const [name, options] of Object.entries(OPTIONS)) {
    testOnEachDevice(
      `a step of ${model} parameters runs at most 40 kernels and 3 per large one, with ${name}`,
      async (device) => {
        const numLarge = shapes.filter((shape) => count(shape) > LARGE).length;
        const [first, second] = await kernelsPerStep(device, { shapes, options });
        assert.ok(shapes.length - numLarge > 30 || model !== "GPT-2 small's");
        assert.ok(second <= 40 + 3 * numLarge, `${second} kernels, ${numLarge} large parameters`);
        // The first finds out the parameters' sums of squares.
        assert.ok(first <= 41 + 4 * numLarge, `${first} kernels`);
      },
    );
  }
}

Deno.test("1,000 further small parameters cost no kernel", async () => {
  using device = wasmDevice();
  const small = Array.from({ length: 1000 }, (_, k) => k % 2 === 0 ? [8 + k % 5] : [3, 4 + k % 7]);
  const [few, many] = [small.slice(0, 2), small];
  const options = { beta1: 0.9 };
  assert.deepEqual(
    await kernelsPerStep(device, { shapes: many, options }),
    await kernelsPerStep(device, { shapes: few, options }),
  );
});

/** Kernels that the first and the second step run. */
async function kernelsPerStep(
  device: Device,
  { shapes, options }: {
    readonly shapes: readonly (readonly number[])[];
    readonly options: OptimizerOptions;
  },
): Promise<number[]> {
  using scope = new DisposableStack();
  const parameters = shapes.map((shape, index) =>
    scope.use(
      new Parameter(device, new Float32Array(count(shape)).fill(0.1), {
        shape,
        name: `p${index}`,
      }),
    )
  );
  const optim = scope.use(new Adafactor(parameters, options));
  const counts = [];
  for (let step = 1; step <= 2; step++) {
    for (const parameter of parameters) {
      const { shape } = parameter;
      const gradient = new Float32Array(count(shape)).fill(0.01 * step);
      parameter.grad = Tensor.from(device, gradient, { shape });
    }
    // What makes state and plan runs once.
    if (step === 1) await optim.stateDict();
    const before = device.statistics().kernelsRun;
    await optim.step();
    counts.push(device.statistics().kernelsRun - before);
  }
  for (const parameter of parameters) parameter.zeroGrad();
  return counts;
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
