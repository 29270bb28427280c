// Parameters without elements, as a layer of zero features has: steps, states and measures are those of nothing, and the other
// parameters' are as if they were alone.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import type { OptimizerOptions } from "../../src/optim/options/parameter_groups.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";

const SHAPES = [[0, 3], [3, 0], [0], [2, 0, 3], [0, 4, 4], [0, 0]];
const OPTIONS: Readonly<Record<string, OptimizerOptions>> = {
  plain: { lr: 0.1 },
  "momentum, perMatrix, cautious": { lr: 0.1, beta1: 0.9, perMatrix: true, cautious: true },
  CAME: { ...presets.came, lr: 0.1 },
};

for (const [name, options] of [...Object.entries(OPTIONS), ["AdamW", undefined] as const]) {
  Deno.test(`${name}: a parameter without elements changes nothing, and its state and measures are numbers`, async () => {
    using device = wasmDevice();
    const trained = async (shapes: readonly (readonly number[])[]) => {
      using scope = new DisposableStack();
      const parameters = shapes.map((shape, k) => {
        const length = shape.reduce((product, each) => product * each, 1);
        return scope.use(
          new Parameter(device, new Float32Array(length).fill(1), { shape, name: `p${k}` }),
        );
      });
      const make = () =>
        scope.use(
          options === undefined ? new AdamW(parameters) : new Adafactor(parameters, options),
        );
      let optim = make();
      for (let step = 1; step <= 3; step++) {
        for (const parameter of parameters) {
          const { shape, length } = parameter;
          const grad = Float32Array.from({ length }, (_, k) => Math.sin(k + step));
          parameter.grad = Tensor.from(device, grad, { shape });
        }
        await optim.step();
        const measures = await optim.diagnostics();
        for (const [name, each] of Object.entries(measures)) {
          for (const [key, value] of Object.entries(each)) {
            assert.ok(Number.isFinite(value), `${key} of ${name} of [${shapes[0]}] is ${value}`);
          }
        }
        const state = await optim.stateDict();
        optim = make();
        optim.loadStateDict(state as never);
      }
      const values = await parameters.at(-1)!.data();
      for (const parameter of parameters) parameter.zeroGrad();
      return values;
    };
    const alone = await trained([[4, 5]]);
    for (const shape of SHAPES) assertSameBits(await trained([shape, [4, 5]]), alone);
  });
}
