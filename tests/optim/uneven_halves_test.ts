// Parameters of 16 bits on meshes whose shards are uneven, with rows of odd length too, trained as on one rank.
//
// With b the distance to the next number relative to a number (f16 2^-10, bf16 2^-7), over T steps:
//
//   master weights   Sums are taken in another order, so that masters differ as those of f32 parameters may: by 1e-5 of their
//                    path and one f32 rounding, 2^-23 |p|, a step. A step goes lr RMS(p) |u| far, with RMS u <= 1, so that the
//                    path is T lr RMS(p), or what the element moved in all if that is more. Every rank's parameter is its
//                    master, rounded once: bit by bit.
//   nearest          Where two stepped values that differ by an f32 rounding fall on either side of a tie, they round one
//                    spacing apart, which then stays: T b |p| at most. That takes a value within about 2^-21 |p| of a tie, of
//                    which there is one per spacing of at least b |p| / 2: T 2^-21 / (b / 2) of all elements at most, for f16
//                    5 % in 50 steps and for bf16 0.6 %. All others have the same bits.
//
// |p| is the largest that the element was; below 2^-14 the spacing of f16 no longer falls.

import assert from "node:assert/strict";
import { Tensor } from "../../src/tensor/tensor.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { initialParameter } from "../support/optim/golden.ts";
import { placements, shardOf, train, type Training } from "../support/optim/sharded_training.ts";

const STEPS = 50;
const SPACING = { f16: 2 ** -10, bf16: 2 ** -7 };
const OPTIONS = { lr: 0.02, beta1: 0.5, weightDecay: 0.01 };
/** Tensor parallel, ZeRO. Gradients of data-parallel ranks are averaged in f32, as one rank's are before it sees them. */
const MESHES = [[3, 1, "16 bits"], [1, 3, "f32"], [2, 3, "f32"]] as const;

for (const dtype of ["f16", "bf16"] as const) {
  for (const [tensor, zero, stored] of MESHES) {
    const training: Training = {
      tensor,
      zero,
      dtype,
      steps: STEPS,
      replicas: zero,
      gradientDtype: stored === "f32" ? "f32" : dtype,
      placed: placements(tensor),
    };
    const mesh = `tensor ${tensor} x ZeRO ${zero} with gradients of ${stored}`;

    Deno.test(`${dtype} parameters beside master weights on ${mesh} equal one rank's`, async () => {
      const { one, ranks, start } = await onBoth({ ...training, masterWeights: true }, dtype);
      for (const [index, { name, shape }] of placements(tensor).entries()) {
        const expected = one.state[name].master!;
        const rms = Math.max(1e-3, rootMeanSquare(expected), rootMeanSquare(start[index]));
        const allowed = Array.from(expected, (want, k) => {
          const path = Math.max(Math.abs(want - start[index][k]), STEPS * OPTIONS.lr * rms);
          const most = Math.max(Math.abs(want), Math.abs(start[index][k]));
          return 1e-5 * path + STEPS * 2 ** -23 * most;
        });
        assertOtherBits(expected, start[index]);
        assertSameBits(one.values[index], await rounded(expected, { shape, dtype }));
        for (const { state, values, layouts } of ranks) {
          const { master } = state[name];
          master!.forEach((value, k) => {
            const error = Math.abs(value - expected[k]);
            assert.ok(error <= allowed[k], `${name}[${k}]: ${value}, ${expected[k]}`);
          });
          const whole = await rounded(master!, { shape, dtype });
          assertSameBits(values[index], shardOf(whole, layouts[index]));
        }
      }
    });

    Deno.test(`${dtype} parameters rounded to the nearest on ${mesh} equal one rank's`, async () => {
      const { one, ranks, start } = await onBoth(training, dtype);
      let [numElements, numDifferent, numMoved] = [0, 0, 0];
      for (const [index, { name }] of placements(tensor).entries()) {
        for (const { values, layouts } of ranks) {
          const expected = shardOf(one.values[index], layouts[index]);
          const begin = shardOf(start[index], layouts[index]);
          values[index].forEach((value, k) => {
            const most = Math.max(Math.abs(expected[k]), Math.abs(begin[k]), 2 ** -14);
            const allowed = STEPS * SPACING[dtype] * most;
            const error = Math.abs(value - expected[k]);
            assert.ok(error <= allowed, `${name}[${k}]: ${value}, ${expected[k]}`);
            numElements += 1;
            if (error > 0) numDifferent += 1;
            if (value !== begin[k]) numMoved += 1;
          });
        }
      }
      const share = STEPS * 2 ** -21 / (SPACING[dtype] / 2);
      assert.ok(numDifferent <= share * numElements, `${numDifferent} of ${numElements} differ`);
      assert.ok(numMoved > 0.5 * numElements, `${numMoved} of ${numElements} moved`);
    });
  }
}

/** The same training on one rank and on the mesh, and where parameters began, as they are stored. */
async function onBoth(
  { masterWeights = false, ...training }: Training & { readonly masterWeights?: boolean },
  dtype: "f16" | "bf16",
) {
  const options = { ...OPTIONS, masterWeights };
  const [one] = await train({
    ...training,
    options,
    tensor: 1,
    zero: 1,
    placed: wholeOf(training),
  });
  const ranks = await train({ ...training, options });
  const start = [];
  for (const { shape } of training.placed!) {
    start.push(await rounded(initialParameter({ shape }), { shape, dtype }));
  }
  return { one, ranks, start };
}

function rootMeanSquare(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0) / values.length);
}

function wholeOf({ placed }: Training) {
  return placed!.map((each) => ({ ...each, cut: undefined }));
}

async function rounded(
  values: ArrayLike<number>,
  options: { readonly shape: readonly number[]; readonly dtype: "f16" | "bf16" },
) {
  using device = wasmDevice();
  using tensor = Tensor.from(device, Float32Array.from(values), options);
  return await tensor.data();
}
