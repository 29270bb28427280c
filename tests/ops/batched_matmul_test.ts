import assert from "node:assert/strict";
import { batchedMatmul } from "../../src/ops/batched_matmul.ts";
import { elementCount } from "../../src/tensor/shape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { batchedProduct } from "../reference/batched_product.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (
  const [leading, m, k, n] of [
    [[], 3, 5, 2],
    [[1], 1, 1, 1],
    [[3], 5, 7, 3],
    [[2, 3], 9, 5, 13],
    [[2], 1, 65, 2],
    [[0], 3, 2, 4],
    [[3], 2, 0, 2],
  ] as const
) {
  const shapes = [[...leading, m, k], [...leading, k, n]];
  testOnEachDevice(
    `batchedMatmul() of [${shapes.join("] and [")}] agrees with its reference`,
    async (device) => {
      await checkGradients(device, {
        shapes,
        op: (a, b) => batchedMatmul(a, b),
        reference: (a, b) => batchedProduct(a, b, { m, k, n, batch: elementCount(leading) }),
      });
    },
  );
  testOnEachDevice(
    `batchedMatmul() of [${
      shapes.join("] and [")
    }], the second transposed, agrees with its reference`,
    async (device) => {
      const batch = elementCount(leading);
      await checkGradients(device, {
        shapes: [shapes[0], [...leading, n, k]],
        op: (a, b) => batchedMatmul(a, b, { b: "transposed" }),
        reference: (a, b) => {
          const asIs = Array.from({ length: b.length }, (_, at) => {
            const [of, row, col] = [Math.floor(at / (k * n)), Math.floor(at / n) % k, at % n];
            return b[(of * n + col) * k + row];
          });
          return batchedProduct(a, asIs, { m, k, n, batch });
        },
      });
    },
  );
}

testOnEachDevice(
  "batchedMatmul() refuses shapes that do not fit and names both",
  async (device) => {
    await Promise.resolve();
    const zeros = (...shape: number[]) => Tensor.empty(device, shape);
    using a = zeros(2, 3, 4);
    for (const shape of [[2, 3, 4], [3, 4, 5], [4, 5], [1, 4, 5]]) {
      using b = zeros(...shape);
      assert.throws(() => batchedMatmul(a, b), {
        name: "RangeError",
        message: new RegExp(`\\[2, 3, 4\\] and \\[${shape.join(", ")}\\]`),
      });
    }
    using b = zeros(2, 4, 5);
    assert.throws(() => batchedMatmul(a, b, { b: "transposed" }), {
      name: "RangeError",
      message: /b of \[..., N, K\], got \[2, 3, 4\] and \[2, 4, 5\]/,
    });
  },
);
