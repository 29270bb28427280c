// Going on from the final state that the reference implementations saved, against the state that this one reaches.

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import type { ParameterState } from "../../../src/optim/state/adafactor_state.ts";
import { importHuggingFaceState, importTorchState } from "../../../src/optim/state/import_state.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertClose, largestOf } from "../../support/assert_close.ts";
import {
  type Golden,
  goldens,
  gradientAt,
  initialParameter,
  optionsOf,
} from "../../support/optim/golden.ts";

const IMPORTERS = [
  { origin: "transformers", prefix: "hf_", read: importHuggingFaceState },
  { origin: "torch", prefix: "torch_", read: importTorchState },
] as const;

for (const { origin, prefix, read } of IMPORTERS) {
  const files = goldens(prefix);
  Deno.test(`the state that ${origin} saved after 50 steps equals the state here`, async () => {
    for (const golden of files) {
      const imported = read({ x: { shape: golden.shape, ...finalState(golden) } }).x;
      assertSameState(imported, await stateAfter50(golden), golden.file);
    }
  });
}

Deno.test("importers refuse moments that do not fit the shape", () => {
  const rows = new Float32Array(5);
  assert.throws(
    () => importTorchState({ x: { shape: [5, 7], step: 1, row_var: rows, col_var: rows } }),
    { name: "TypeError", message: /x: wanted 7 values, got 5/ },
  );
  assert.throws(
    () => importHuggingFaceState({ x: { shape: [5, 7], step: 1, exp_avg_sq_row: rows } }),
    { name: "TypeError", message: /x \[5,7\]: wanted row and column moments/ },
  );
});

/** The golden's final state with lists as f32. */
function finalState(golden: Golden): { step: number } & Record<string, Float32Array> {
  const entries = Object.entries(golden.finalState).map(([name, value]) =>
    name === "step" ? [name, Number(value)] : [name, Float32Array.from([value].flat(9) as number[])]
  );
  return Object.fromEntries(entries);
}

async function stateAfter50(golden: Golden): Promise<ParameterState> {
  using device = wasmDevice();
  const { shape } = golden;
  using parameter = new Parameter(device, initialParameter(golden), { shape, name: "x" });
  using optim = new Adafactor([parameter], optionsOf(golden));
  for (let step = 1; step <= 50; step++) {
    parameter.grad = Tensor.from(device, gradientAt(step, golden), { shape });
    await optim.step();
  }
  return (await optim.stateDict()).x;
}

function assertSameState(actual: ParameterState, expected: ParameterState, what: string): void {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort(), what);
  for (const [key, value] of Object.entries(expected) as [keyof ParameterState, unknown][]) {
    if (typeof value === "number") {
      assert.equal(actual[key], value, `${what}: ${key}`);
      continue;
    }
    // Momentum sums up signed steps, so that its error is a part of the largest.
    assertClose(actual[key], value, { ofLargest: 2e-5, name: `${what}: ${key}` });
    assert.ok(largestOf(value as Float32Array) > 0, `${what}: ${key}`);
  }
}
