import assert from "node:assert/strict";
import { RandomSource } from "../../src/nn/philox.ts";
import { groupedLinear } from "../../src/ops/grouped_linear.ts";
import { linear } from "../../src/ops/linear.ts";
import { slice } from "../../src/ops/slice.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients, randomValues } from "../support/ops/gradient_check.ts";

for (
  const [counts, numIn, numOut] of [
    [[1], 1, 1],
    [[2, 0, 3], 5, 3],
    [[0, 7], 3, 13],
    [[3, 1, 0, 2], 2, 5],
    [[0, 0], 3, 2],
  ] as const
) {
  testOnEachDevice(
    `groupedLinear() of [${counts}] rows, ${numIn} to ${numOut} features, agrees with its reference`,
    async (device) => {
      const groups = counts.flatMap((count, e) => new Array<number>(count).fill(e));
      await checkGradients(device, {
        shapes: [[groups.length, numIn], [counts.length, numOut, numIn]],
        op: (x, weight) => groupedLinear(x, weight, { counts }),
        reference: (x, weight) =>
          groups.flatMap((e, t) =>
            Array.from({ length: numOut }, (_, o) => {
              let sum = 0;
              for (let i = 0; i < numIn; i++) {
                sum += x[t * numIn + i] * weight[(e * numOut + o) * numIn + i];
              }
              return sum;
            })
          ),
      });
    },
  );
}

testOnEachDevice(
  "groupedLinear() gives a row the bits of linear(), whatever rows are beside it",
  async (device) => {
    const [numIn, numOut] = [523, 37];
    const random = new RandomSource(1);
    using x = Tensor.from(device, randomValues(9 * numIn, random), { shape: [9, numIn] });
    using weight = Tensor.from(device, randomValues(2 * numOut * numIn, random), {
      shape: [2, numOut, numIn],
    });
    using y = groupedLinear(x, weight, { counts: [8, 1] });
    for (const [e, begin, end] of [[0, 0, 8], [0, 2, 3], [0, 3, 8], [1, 8, 9]]) {
      using matrix = reshape(slice(weight, { dim: 0, begin: e, end: e + 1 }), [numOut, numIn]);
      using rows = slice(x, { dim: 0, begin, end });
      using alone = linear(rows, matrix);
      assertSameBits(await alone.data(), (await y.data()).slice(begin * numOut, end * numOut));
    }
  },
);

testOnEachDevice("groupedLinear() refuses counts and shapes that do not fit", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  using weight = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 1, 2] });
  for (const counts of [[1], [1, 2], [3, -1], [0.5, 1.5]]) {
    assert.throws(() => groupedLinear(x, weight, { counts }), {
      name: "RangeError",
      message: `groupedLinear() wants 2 counts that add up to the 2 rows of x, got [${
        counts.join(", ")
      }]`,
    });
  }
  assert.throws(() => groupedLinear(x, x, { counts: [1, 1] }), {
    name: "RangeError",
    message: /weight of \[E, O, I\], got \[2, 2\] and \[2, 2\]/,
  });
});
