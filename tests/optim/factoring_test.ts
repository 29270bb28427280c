import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm.ts";
import { Layout } from "../../src/dist/layout.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { factoredView } from "../../src/optim/factored_moment.ts";
import { type Factoring, rolesOf } from "../../src/optim/factoring.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { gradientAt, initialParameter } from "./golden.ts";

const CASES: readonly (readonly [number[], Factoring, string])[] = [
  [[], "lastTwo", ""],
  [[5], "lastTwo", "col"],
  [[5, 7], "lastTwo", "row col"],
  [[2, 3, 4, 5], "lastTwo", "batch batch row col"],
  [[5, 7], "none", "col col"],
  [[5, 7], { largestTwo: 5 }, "row col"],
  [[5, 7], { largestTwo: 6 }, "col col"],
  [[3, 3, 64, 32], { largestTwo: 32 }, "batch batch row col"],
  // Dims of length 1 lie anywhere.
  [[64, 1, 32], { largestTwo: 32 }, "row batch col"],
  [[1, 9], "lastTwo", "row col"],
  [[9, 1], "lastTwo", "row col"],
  [[16, 4, 8], ["row", "col", "col"], "row col col"],
  [[4, 8, 16], ["row", "row", "col"], "row row col"],
  [[2, 4, 8, 16], ["batch", "row", "col", "col"], "batch row col col"],
  // Columns first are rows by another name.
  [[4, 8, 16], ["col", "col", "row"], "row row col"],
];

for (const [shape, factoring, roles] of CASES) {
  Deno.test(`[${shape}] factored by ${JSON.stringify(factoring)} is [${roles}]`, () => {
    assert.equal(rolesOf(shape, factoring).join(" "), roles);
  });
}

const REFUSED: readonly (readonly [number[], Factoring, RegExp])[] = [
  [[64, 32, 3], { largestTwo: 32 }, /not batch x rows x columns in this order/],
  [[64, 3, 32], { largestTwo: 32 }, /not batch x rows x columns in this order/],
  [[4, 8, 16], ["row", "col", "row"], /not batch x rows x columns in this order/],
  [[4, 8], ["row", "col", "col"], /give one role for each of its 2 dims/],
  [[4, 8], ["batch", "col"], /at least one row and one column/],
];

for (const [shape, factoring, message] of REFUSED) {
  Deno.test(`[${shape}] factored by ${JSON.stringify(factoring)} is refused`, () => {
    assert.throws(() => rolesOf(shape, factoring), { name: "TypeError", message });
  });
}

Deno.test("sums of merged dims add up over the groups that cut any of them", () => {
  const [embed, heads] = [{ rank: 1, size: 2 }, { rank: 0, size: 4 }];
  const layout = new Layout([6, 8, 3], [{ dim: 0, group: embed }, { dim: 1, group: heads }]);
  const view = factoredView(layout, { factoring: ["row", "col", "col"] });
  const { batch, rows, cols, globalRows, globalCols } = view;
  assert.deepEqual([batch, rows, cols, globalRows, globalCols], [1, 3, 6, 6, 24]);
  assert.deepEqual(view.rowSumGroups, [heads]);
  assert.deepEqual(view.colSumGroups, [embed]);
  assert.deepEqual(view.dims.map(({ range: { begin, end } }) => [begin, end]), [[3, 6], [0, 2], [
    0,
    3,
  ]]);
});

Deno.test("an attention kernel [embed, heads, kv] factored by roles moves as the matrix [embed, heads kv]", async () => {
  using device = wasmDevice();
  const values = async (shape: number[], factoring: Factoring) => {
    using parameter = new Parameter(device, initialParameter({ shape }), { shape });
    using optim = new Adafactor([parameter], { factoring });
    for (const step of [1, 2, 3]) {
      const gradient = gradientAt(step, { shape: [5, 12], gradientScale: 0.01 });
      parameter.grad = Tensor.from(device, gradient, { shape });
      await optim.step();
    }
    return await parameter.data();
  };
  const merged = await values([5, 3, 4], ["row", "col", "col"]);
  assert.deepEqual(merged, await values([5, 12], "lastTwo"));
  assert.notDeepEqual(merged, await values([5, 3, 4], "lastTwo"));
});
