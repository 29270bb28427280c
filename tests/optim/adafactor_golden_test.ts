import type { Device } from "../../src/device/device.ts";
import { Layout } from "../../src/dist/layout.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  assertSameUpdate,
  type Golden,
  goldens,
  gradientAt,
  initialParameter,
  optionsOf,
} from "./golden.ts";
import { testOnEachDevice } from "../device/on_each_device.ts";

const ORIGINS = [
  ["transformers.Adafactor", "hf_"],
  ["torch.optim.Adafactor", "torch_"],
  ["optax.adafactor", "optax_"],
] as const;

for (const [origin, prefix] of ORIGINS) {
  const files = goldens(prefix);
  if (files === undefined) {
    Deno.test.ignore(
      `Adafactor follows ${origin} [skipped: ../shared/goldens is missing]`,
      () => {},
    );
  } else {
    testOnEachDevice(
      `Adafactor follows ${origin} over 50 steps in ${files.length} cases`,
      async (device) => {
        for (const golden of files) await assertFollows(golden, device);
      },
    );
  }
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
