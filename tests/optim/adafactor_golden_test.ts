import { ok } from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { Layout } from "../../src/distributed/layout.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  assertSameUpdate,
  compareUpdates,
  type Golden,
  goldens,
  gradientAt,
  initialParameter,
  optionsOf,
} from "../support/optim/golden.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

const ORIGINS = [
  ["transformers.Adafactor", "hf_"],
  ["torch.optim.Adafactor", "torch_"],
  ["optax.adafactor", "optax_"],
] as const;

for (const [origin, prefix] of ORIGINS) {
  const files = goldens(prefix);
  testOnEachDevice(
    `Adafactor follows ${origin} over 50 steps in ${files.length} cases`,
    async (device) => {
      for (const golden of files) await assertFollows(golden, device);
    },
  );
  for (const dtype of ["f16", "bf16"] as const) {
    testOnEachDevice(
      `Adafactor follows ${origin} within the rounding of ${dtype} parameters in ${files.length} cases`,
      async (device) => {
        let numTelling = 0;
        for (const golden of files) numTelling += await numFollowed(golden, { device, dtype });
        // Elsewhere one rounding per step is more than the whole update.
        ok(numTelling >= files.length, `${numTelling} for ${files.length} cases`);
      },
    );
  }
}

/** @returns after how many of steps 1, 2, 5, 20 and, where steps are quick, 50 standing still would have failed */
async function numFollowed(
  golden: Golden,
  { device, dtype }: { readonly device: Device; readonly dtype: "f16" | "bf16" },
): Promise<number> {
  const { shape, file } = golden;
  using parameter = new Parameter(device, initialParameter(golden), { shape, dtype, name: file });
  const start = await parameter.data();
  using optim = new Adafactor([parameter], optionsOf(golden));
  const numSteps = device.kind === "wasm" ? 50 : 20;
  let numTelling = 0;
  for (let step = 1; step <= numSteps; step++) {
    parameter.grad = Tensor.from(device, gradientAt(step, golden), { shape, dtype: "f32" });
    await optim.step();
    const whole = golden.parameterAfterStep[step];
    if (whole === undefined) continue;
    // Both begin where the stored one does.
    const first = initialParameter(golden);
    const expected = whole.map((value, k) => value - first[k] + start[k]);
    const what = `${file} after ${step} steps in ${dtype}`;
    const actual = await parameter.data();
    const { update, difference, allowed } = compareUpdates(actual, expected, {
      start,
      steps: step,
      what,
      dtype,
    });
    ok(difference <= allowed, `${what}: differs by ${difference}, allowed ${allowed}`);
    if (update > allowed) numTelling++;
  }
  return numTelling;
}

async function assertFollows(golden: Golden, device: Device): Promise<void> {
  const { shape, file } = golden;
  const start = Float32Array.from(initialParameter(golden));
  using parameter = new Parameter(device, start, { layout: new Layout(shape), name: file });
  using optim = new Adafactor([parameter], optionsOf(golden));
  for (let step = 1; step <= 50; step++) {
    parameter.grad = Tensor.from(device, gradientAt(step, golden), { shape });
    await optim.step();
    const expected = golden.parameterAfterStep[step];
    if (expected === undefined) continue;
    const actual = await parameter.data();
    assertSameUpdate(actual, expected, { start, steps: step, what: `${file} after ${step}` });
  }
}
