// AdamW against torch.optim.AdamW over 50 steps: in f32; in bf16 beside master weights; in bf16 rounded at random.

import { ok } from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { AdamW } from "../../../src/optim/adamw.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { adamwGoldens, adamwOptionsOf } from "../../support/optim/adamw_golden.ts";
import {
  assertSameUpdate,
  type Golden,
  gradientAt,
  initialParameter,
} from "../../support/optim/golden.ts";

const EXACT = adamwGoldens("adamw_").filter(({ case: name }) => name !== "adamw_bf16");
const ROUNDED = adamwGoldens("adamw_bf16");

testOnEachDevice(
  `AdamW follows torch.optim.AdamW over 50 steps in ${EXACT.length} cases`,
  async (device) => {
    for (const golden of EXACT) await assertFollows(golden, device);
  },
);

testOnEachDevice(
  `AdamW's state after 50 steps is torch.optim.AdamW's in ${EXACT.length} cases`,
  async (device) => {
    for (const golden of EXACT) {
      const { shape, finalState } = golden;
      const start = Float32Array.from(initialParameter(golden));
      using parameter = new Parameter(device, start, { shape, name: "p" });
      using optim = new AdamW([parameter], adamwOptionsOf(golden));
      for (let step = 1; step <= 50; step++) await stepBy(optim, golden, step);
      const { step, firstMoment, secondMoment } = (await optim.stateDict()).p;
      ok(step === 50);
      // Of the gradients themselves here, of their negatives there.
      const sign = golden.arguments.maximize === true ? -1 : 1;
      const first = (finalState.exp_avg as number[]).map((value) => sign * value);
      const zeros = new Float64Array(first.length);
      const at = { start: zeros, steps: 5, what: golden.file };
      assertSameUpdate(firstMoment, first, at);
      assertSameUpdate(secondMoment, finalState.exp_avg_sq as number[], at);
    }
  },
);

testOnEachDevice(
  `AdamW beside master weights follows torch.optim.AdamW on bf16 parameters in ${ROUNDED.length} cases`,
  async (device) => {
    for (const golden of ROUNDED) await assertMasterFollows(golden, device);
  },
);

// Steps about as small as the distance between neighbours in bf16, 2^-13 to 2^-12 here: rounded to the nearest they are wrong by
// a large share, and the mean of many random roundings is not, as a step does not depend on the parameter but for its decay.
testOnEachDevice(
  "AdamW with stochastic rounding of bf16 follows torch.optim.AdamW on average",
  async (device) => {
    const golden = ROUNDED.find(({ file }) => file === "adamw_bf16__33x65__0.01.json")!;
    const expected = golden.parameterAfterStep["50"];
    const [at, start] = await meanAfter50(device, golden, { rounding: "stochastic" });
    const [nearest] = await meanAfter50(device, golden, { rounding: "nearest" });
    const error = distance(at, expected);
    const update = distance(start, expected);
    // A value is off by at most half of 2^-5 2^-8, its mean over 16 seeds by an eighth of that in each of the elements.
    const noise = Math.sqrt(expected.length) * Math.sqrt(50) * 2 ** -13 / Math.sqrt(12 * SEEDS);
    ok(error < 2 * noise && error < 0.35 * update, `${error} of ${update}, noise ${noise}`);
    ok(distance(nearest, expected) > 2 * error, "rounding to the nearest would do");
    // Without bias: errors of single elements cancel.
    const bias = at.reduce((sum, value, k) => sum + (value - expected[k]) * moved(k), 0);
    const whole = expected.reduce((sum, value, k) => sum + (value - start[k]) * moved(k), 0);
    ok(Math.abs(bias) < 0.03 * Math.abs(whole), `bias ${bias} of ${whole}`);

    function moved(k: number): number {
      return Math.sign(expected[k] - start[k]);
    }
  },
);

const SEEDS = 16;

/** The mean over seeds after 50 steps, and the start. */
async function meanAfter50(
  device: Device,
  golden: Golden,
  { rounding }: { readonly rounding: "nearest" | "stochastic" },
): Promise<[Float64Array, Float32Array]> {
  const { shape } = golden;
  const sum = new Float64Array(golden.parameterAfterStep["50"].length);
  let start = new Float32Array(0);
  for (let seed = 0; seed < SEEDS; seed++) {
    using parameter = new Parameter(device, initialParameter(golden), { shape, dtype: "bf16" });
    start = await parameter.data();
    using optim = new AdamW([parameter], { ...adamwOptionsOf(golden), rounding, seed });
    for (let step = 1; step <= 50; step++) await stepBy(optim, golden, step);
    (await parameter.data()).forEach((value, k) => sum[k] += value / SEEDS);
  }
  return [sum, start];
}

function distance(one: ArrayLike<number>, other: ArrayLike<number>): number {
  return Math.hypot(...Array.from(one, (value, k) => value - other[k]));
}

async function stepBy(optim: AdamW, golden: Golden, step: number): Promise<void> {
  const [parameter] = optim.parameters;
  const { shape, device, gradientDtype: dtype } = parameter;
  parameter.grad = Tensor.from(device, gradientAt(step, golden), { shape, dtype });
  await optim.step();
}

async function assertFollows(golden: Golden, device: Device): Promise<void> {
  const { shape, file } = golden;
  const start = Float32Array.from(initialParameter(golden));
  using parameter = new Parameter(device, start, { shape, name: file });
  using optim = new AdamW([parameter], adamwOptionsOf(golden));
  for (let step = 1; step <= 50; step++) {
    await stepBy(optim, golden, step);
    const expected = golden.parameterAfterStep[step];
    if (expected === undefined) continue;
    const actual = await parameter.data();
    assertSameUpdate(actual, expected, { start, steps: step, what: `${file} after ${step}` });
  }
}

async function assertMasterFollows(golden: Golden, device: Device): Promise<void> {
  const { shape, file } = golden;
  const dtype = "bf16";
  using parameter = new Parameter(device, initialParameter(golden), { shape, dtype, name: "p" });
  const start = await parameter.data();
  using optim = new AdamW([parameter], { ...adamwOptionsOf(golden), masterWeights: true });
  for (let step = 1; step <= 50; step++) {
    await stepBy(optim, golden, step);
    const expected = golden.parameterAfterStep[step];
    if (expected === undefined) continue;
    const { master } = (await optim.stateDict()).p;
    assertSameUpdate(master!, expected, { start, steps: step, what: `${file} after ${step}` });
    using rounded = Tensor.from(device, master!, { shape, dtype });
    assertSameBits(await parameter.data(), await rounded.data());
  }
}
