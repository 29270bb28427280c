import assert from "node:assert/strict";
import { Layout, type ShardingGroup, shardRange } from "../../../src/distributed/layout.ts";
import { partsOf } from "../../../src/optim/factoring/block_parts.ts";
import { factoredView } from "../../../src/optim/factoring/factored_view.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";

/** The parts of rank `tensor.rank` x `zero.rank`'s block of a parameter whose dim `cut` is split, rows further so. */
function parts(
  shape: readonly number[],
  { cut, tensor, zero }: { cut?: number | undefined; tensor: ShardingGroup; zero: ShardingGroup },
) {
  const layout = new Layout(shape, cut === undefined ? [] : [{ dim: cut, group: tensor }]);
  const rows = shardRange(layout.localShape[0] ?? 1, zero.size, zero.rank);
  return partsOf(factoredView(layout, zero.size > 1 ? { rowCut: { group: zero, rows } } : {}));
}

const alone = { rank: 0, size: 1 };

Deno.test("a whole block has 8 parts each way, or as many as a power of two divides", () => {
  const whole = { tensor: alone, zero: alone };
  const one = { batchSlots: 1, firstBatchSlot: 0, rowSlots: 1, firstRowSlot: 0 };
  const expected = [
    [[16, 24], { partsBatch: 1, partsDown: 8, partsAcross: 8 }],
    [[3, 12, 6], { partsBatch: 1, partsDown: 4, partsAcross: 2 }],
    [[8, 1, 5], { partsBatch: 8, partsDown: 1, partsAcross: 1 }],
    [[40], { partsBatch: 1, partsDown: 1, partsAcross: 8 }],
    [[], { partsBatch: 1, partsDown: 1, partsAcross: 1 }],
  ] as const;
  for (const [shape, counts] of expected) {
    assert.deepEqual(parts(shape, whole), { ...counts, ...one });
  }
});

Deno.test("ranks with even shards own whole parts, which follow one another", () => {
  for (const [t, z] of [[2, 1], [1, 2], [2, 2], [4, 2], [2, 4], [8, 1], [1, 8]]) {
    const firsts = [];
    for (let rank = 0; rank < t * z; rank++) {
      const [tensor, zero] = [{ rank: Math.floor(rank / z), size: t }, { rank: rank % z, size: z }];
      // Cut along dim 0 twice; a vector's dim 0 is its columns.
      const matrix = parts([16, 6], { cut: 0, tensor, zero });
      assert.equal(matrix.partsDown, 8 / (t * z));
      assert.equal(parts([32], { cut: 0, tensor, zero }).partsAcross, 8 / (t * z));
      // Columns are not cut, so that the rows' parts need no slots.
      assert.deepEqual([matrix.rowSlots, matrix.firstRowSlot], [1, 0]);
      // Where columns are cut, every part of the rows has a slot.
      const across = parts([16, 32], { cut: 1, tensor, zero });
      assert.equal(across.partsAcross, 8 / t);
      assert.equal(across.rowSlots, t > 1 ? 8 : 1);
      firsts.push(across.firstRowSlot);
    }
    const expected = Array.from({ length: t * z }, (_, rank) => t > 1 ? rank % z * 8 / z : 0);
    assertSameBits(firsts, expected);
  }
});

Deno.test("a batch that ZeRO cuts has slots where columns or rows are cut too", () => {
  const at = (cut: number | undefined) =>
    parts([8, 16, 24], { cut, tensor: { rank: 1, size: 2 }, zero: { rank: 1, size: 2 } });
  assert.deepEqual(at(undefined), {
    partsBatch: 4,
    partsDown: 8,
    partsAcross: 8,
    batchSlots: 1,
    firstBatchSlot: 0,
    rowSlots: 1,
    firstRowSlot: 0,
  });
  assert.deepEqual(at(1), {
    partsBatch: 4,
    partsDown: 4,
    partsAcross: 8,
    batchSlots: 8,
    firstBatchSlot: 4,
    rowSlots: 1,
    firstRowSlot: 0,
  });
  assert.deepEqual(at(2), {
    partsBatch: 4,
    partsDown: 8,
    partsAcross: 4,
    batchSlots: 8,
    firstBatchSlot: 4,
    rowSlots: 8,
    firstRowSlot: 0,
  });
});

Deno.test("where a shard ends within a part, every rank has one part and sums have one slot", () => {
  for (let rank = 0; rank < 3; rank++) {
    const tensor = { rank, size: 3 };
    assert.equal(parts([24, 16], { cut: 0, tensor, zero: alone }).partsDown, 1);
    const across = parts([16, 24], { cut: 1, tensor, zero: alone });
    assert.deepEqual([across.partsAcross, across.partsDown, across.rowSlots], [1, 8, 8]);
  }
  for (let rank = 0; rank < 4; rank++) {
    // Two rows for four ranks: two of them own nothing.
    const zero = { rank, size: 4 };
    assert.equal(parts([2, 16], { tensor: alone, zero }).partsDown, 1);
    // Ten rows over four ranks.
    assert.equal(parts([10, 16], { tensor: alone, zero }).partsDown, 1);
  }
});
