import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { factoredView } from "../../../src/optim/factoring/factored_view.ts";
import { type Factoring, rolesOf } from "../../../src/optim/factoring/dim_roles.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { assertSameUpdate, gradientAt, initialParameter } from "../../support/optim/golden.ts";
import { shardOf, train } from "../../support/optim/sharded_training.ts";

const CASES: readonly (readonly [number[], Factoring, string])[] = [
  [[], "lastTwo", ""],
  [[5], "lastTwo", "col"],
  [[5, 7], "lastTwo", "row col"],
  [[2, 3, 4, 5], "lastTwo", "batch batch row col"],
  [[5, 7], "none", "col col"],
  [[5, 7], { largestTwo: 5 }, "row col"],
  [[5, 7], { largestTwo: 6 }, "col col"],
  [[3, 3, 64, 32], { largestTwo: 32 }, "batch batch row col"],
  // Dims of length 1 fit any order.
  [[64, 1, 32], { largestTwo: 32 }, "row batch col"],
  [[1, 9], "lastTwo", "row col"],
  [[9, 1], "lastTwo", "row col"],
  [[64, 32, 3, 3], { largestTwo: 32 }, "row col batch batch"],
  [[64, 3, 32], { largestTwo: 32 }, "row batch col"],
  [[24, 4, 16], ["col", "batch", "row"], "row batch col"],
  [[16, 4, 8], ["row", "col", "col"], "row col col"],
  [[4, 8, 16], ["row", "row", "col"], "row row col"],
  [[2, 4, 8, 16], ["batch", "row", "col", "col"], "batch row col col"],
  // Columns first are rows by another name.
  [[4, 8, 16], ["col", "col", "row"], "row row col"],
];

for (const [shape, factoring, roles] of CASES) {
  Deno.test(`[${shape}] factored by ${JSON.stringify(factoring)} is [${roles}]`, () => {
    assert.equal(rolesOf(shape, factoring).roles.join(" "), roles);
  });
}

const REFUSED: readonly (readonly [number[], Factoring, RegExp])[] = [
  [[4, 8, 16], ["row", "col", "row"], /must each be adjacent in memory/],
  [[4, 8], ["row", "col", "col"], /give one role for each of its 2 dims/],
  [[2, 4, 3, 8], ["batch", "row", "batch", "col"], /must each be adjacent in memory/],
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
  assertSameBits(merged, await values([5, 12], "lastTwo"));
  assertOtherBits(merged, await values([5, 3, 4], "lastTwo"));
});

/** Permutations of [2, 5, 4] that bring the batch first: per element of the copy, where it was. */
const PERMUTED = [
  {
    roles: ["row", "batch", "col"],
    shape: [5, 2, 4],
    at: (b: number, i: number, j: number) => (i * 2 + b) * 4 + j,
  },
  {
    roles: ["row", "col", "batch"],
    shape: [5, 4, 2],
    at: (b: number, i: number, j: number) => (i * 4 + j) * 2 + b,
  },
  {
    roles: ["row", "col", "batch"],
    shape: [1, 20, 2],
    at: (b: number, i: number, j: number) => (i * 4 + j) * 2 + b,
  },
] as const;

for (const { roles, shape, at } of PERMUTED) {
  testOnEachDevice(
    `a parameter [${shape}] by [${roles}] moves as with its batch first`,
    async (device) => {
      const [rows, cols] = shape[0] === 1 ? [1, 20] : [5, 4];
      const first = [2, rows, cols];
      const place = Array.from({ length: 40 }, (_, k) => {
        const [b, i, j] = [Math.floor(k / (rows * cols)), Math.floor(k / cols) % rows, k % cols];
        return shape[0] === 1 ? j * 2 + b : at(b, i, j);
      });
      const permuted = (values: number[]) => {
        const out = new Array<number>(40);
        place.forEach((where, k) => out[where] = values[k]);
        return out;
      };
      const options = { beta1: 0.5, weightDecay: 0.1 };
      using ordered = new Parameter(device, initialParameter({ shape: first }), { shape: first });
      using other = new Parameter(device, permuted(initialParameter({ shape: first })), {
        shape,
        name: "p",
      });
      using optim = new Adafactor([ordered, { parameters: [other], factoring: roles }], options);
      for (const step of [1, 2, 3]) {
        const gradient = gradientAt(step, { shape: first, gradientScale: 0.01 });
        ordered.grad = Tensor.from(device, gradient, { shape: first });
        other.grad = Tensor.from(device, permuted(gradient), { shape });
        await optim.step();
      }
      const start = permuted(initialParameter({ shape: first }));
      assertSameUpdate(await other.data(), permuted([...await ordered.data()]), {
        start,
        steps: 3,
        what: `[${shape}]`,
      });
      // Saved with the batch first, too.
      const { p, "(unnamed)": saved } = await optim.stateDict();
      assert.deepEqual([p.batch, p.rows, p.cols], [2, rows, cols]);
      assertSameBits([p.rowMeans, p.colMeans], [saved.rowMeans, saved.colMeans]);
      const largest = saved.momentum!.reduce((max, m) => Math.max(max, Math.abs(m)), 0);
      saved.momentum!.forEach((m, k) => {
        assert.ok(Math.abs(p.momentum![k] - m) <= 1e-6 * largest);
      });
    },
  );
}

Deno.test("a convolution's kernel trains on a mesh as on one rank, its batch last", async () => {
  const shape = [6, 8, 3];
  const placed = [undefined, 0, 1, 2].map((cut) => ({ name: `cut ${cut}`, shape, cut }));
  const options = { factoring: { largestTwo: 6 }, lr: 0.01, beta1: 0.5 };
  const training = { placed, options, replicas: 4, steps: 5 };
  const [alone] = await train({
    ...training,
    tensor: 1,
    zero: 1,
    placed: placed.map((each) => ({ ...each, cut: undefined })),
  });
  const ranks = await train({ ...training, tensor: 2, zero: 2 });
  for (const { values, layouts } of ranks) {
    for (const [index, shard] of values.entries()) {
      assertSameUpdate(shard, shardOf(alone.values[index], layouts[index]), {
        start: shardOf(initialParameter({ shape }), layouts[index]),
        steps: 5,
        what: placed[index].name,
      });
    }
  }
});
