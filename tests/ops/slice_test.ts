import assert from "node:assert/strict";
import { concat, slice } from "../../src/ops/slice.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const dim of [0, 1, 2]) {
  const shape = [3, 4, 5];
  const inner = [20, 5, 1][dim];
  const indexIn = (at: number) => Math.floor(at / inner) % shape[dim];

  testOnEachDevice(`slice() along dim ${dim} takes the given indices`, async (device) => {
    await checkGradients(device, {
      shapes: [shape],
      op: (x) => slice(x, { dim, begin: 1, end: 3 }),
      reference: (x) => x.filter((_, at) => indexIn(at) >= 1 && indexIn(at) < 3),
    });
  });

  testOnEachDevice(`concat() along dim ${dim} is the inverse of slice()`, async (device) => {
    await checkGradients(device, {
      shapes: [shape],
      op: (x) => {
        const parts = [[0, 1], [1, 1], [1, 3], [3, shape[dim]]]
          .filter(([begin]) => begin <= shape[dim])
          .map(([begin, end]) => slice(x, { dim, begin, end }));
        return concat(parts, { dim });
      },
      reference: (x) => x,
    });
  });
}

testOnEachDevice("slice() and concat() refuse missing dims and indices", (device) => {
  using x = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  using y = Tensor.from(device, [1, 2, 3], { shape: [1, 3] });
  assert.throws(() => slice(x, { dim: 1, begin: 1, end: 3 }), /within dim 1 of \[2, 2\]/);
  assert.throws(() => slice(x, { dim: 2, begin: 0, end: 0 }), RangeError);
  assert.throws(() => concat([x, y], { dim: 0 }), /equal in all other dims/);
  assert.throws(() => concat([], { dim: 0 }), /at least one tensor/);
  return Promise.resolve();
});
