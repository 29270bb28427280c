// ZeRO's exchanges by themselves: rows of parameters and gradients of every element type, to and from their owners.

import assert from "node:assert/strict";
import { Layout } from "../../../src/distributed/layout.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { ownedRows, packByOwner } from "../../../src/optim/zero/packing.ts";
import { allGatherParameters, averageGradients } from "../../../src/optim/zero/zero.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";

const SHAPES = [[5, 3], [7], [2, 3, 3], [], [3, 4]];
const TYPES = ["f16", "f32", "bf16"] as const;
const NUM_RANKS = 3;

/** Whole numbers that every type holds exactly. */
const valuesOf = (index: number, rank: number, length: number) =>
  Float32Array.from({ length }, (_, k) => 1 + 3 * k + 30 * rank + index);

testOnEachDevice(
  "rows of odd lengths and mixed types reach their owners, averaged in f32, and come back",
  async (device) => {
    await inProcessRanks(NUM_RANKS, async ({ group, rank }) => {
      using scope = new DisposableStack();
      const placed = SHAPES.map((shape, index) => {
        const length = shape.reduce((a, b) => a * b, 1);
        const dtype = TYPES[index % 3];
        const values = valuesOf(index, rank, length);
        const parameter = scope.use(new Parameter(device, values, { shape, dtype }));
        const gradient = Tensor.from(device, valuesOf(index, rank, length), { shape });
        parameter.grad = gradient.copyAs(dtype);
        gradient[Symbol.dispose]();
        return { parameter, layout: parameter.layout };
      });

      const dataParallelism = { shardGroup: group, replicaGroups: [] };
      const blocks = await averageGradients(placed, { ...dataParallelism, scope, label: "step 1" });
      for (const [index, { layout, parameter }] of placed.entries()) {
        const { begin, end } = ownedRows(layout, group).elements;
        const { buffer, offset } = blocks[index];
        const values = new Float32Array((await device.read(buffer)).buffer);
        // The mean over ranks 0, 1 and 2 is rank 1's; a third of the sum, rounded once.
        const expected = valuesOf(index, 1, parameter.length).slice(begin, end);
        for (const [k, value] of values.subarray(offset, offset + end - begin).entries()) {
          assert.ok(Math.abs(value - expected[k]) <= 1e-6 * expected[k], `${value} at ${k}`);
        }
      }

      const before = group.counters.collectives;
      await allGatherParameters(placed, group);
      assert.equal(group.counters.collectives - before, TYPES.length);
      for (const [index, { parameter, layout }] of placed.entries()) {
        const expected = Float32Array.from({ length: parameter.length });
        for (let owner = 0; owner < NUM_RANKS; owner++) {
          const { begin, end } = ownedRows(layout, { rank: owner, size: NUM_RANKS }).elements;
          expected.set(valuesOf(index, owner, parameter.length).subarray(begin, end), begin);
        }
        assertSameBits(Float32Array.from(await parameter.data()), expected);
      }
    });
  },
);

testOnEachDevice("pads at the end of the first dim never move", (device) => {
  using scope = new DisposableStack();
  const layout = new Layout<ProcessGroup>([5, 2], [], { paddedShape: [8, 3] });
  const parameter = scope.use(new Parameter(device, new Float32Array(24), { layout }));
  const packing = packByOwner([{ parameter, layout }], { size: 2, trailer: 1 });
  assert.deepEqual(packing.counts, [3 * 3 + 1, 2 * 3 + 1]);
  assert.deepEqual(packing.begins, [0, 10]);
  assert.deepEqual(packing.rows.map(([{ begin, length, at }]) => [begin, length, at]), [
    [0, 9, 0],
    [9, 6, 10],
  ]);
  return Promise.resolve();
});
