import assert from "node:assert/strict";
import { checkBlocks, type CheckedBlock } from "../../../src/device/kernels/block_checks.ts";
import type { BlockRecord } from "../../../src/device/block_table.ts";
import { storageTypes } from "../../../src/device/storage_types.ts";
import { blockTable } from "../../support/device/block_records.ts";

const { f32, f16 } = storageTypes;

/** Two blocks in one set of buffers, the second of them changed. */
function checked(changes: Partial<BlockRecord> = {}, { type = f32 }: { type?: number } = {}) {
  const { records, lengths } = blockTable([
    { batch: 1, rows: 6, cols: 10 },
    { batch: 2, rows: 8, cols: 12, partsDown: 4, partsAcross: 2, rowSlots: 4, tileCols: 4 },
  ]);
  const blocks = records.map((record, index): CheckedBlock => ({
    name: `p${index}`,
    record: index === 1 ? { ...record, ...changes } : record,
    tensors: {
      gradOffset: { type, length: lengths.grad },
      paramOffset: { type, length: lengths.param },
      momentumOffset: { type, length: lengths.momentum },
      secondMomentOffset: { type, length: lengths.secondMoment },
    },
  }));
  const { moments, factors, partials, sums } = lengths;
  return { blocks, lengths, room: { averages: { moments, factors }, partials, sums } };
}

function check(changes: Partial<BlockRecord>, options?: { type: number }): void {
  const { blocks, room } = checked(changes, options);
  checkBlocks(blocks, room);
}

Deno.test("checkBlocks() accepts blocks within their buffers", () => {
  for (const type of [f32, f16]) check({}, { type });
});

Deno.test("checkBlocks() refuses an offset beyond any buffer, and names the parameter", () => {
  const { blocks: [, { record }], lengths } = checked();
  const ends = {
    gradOffset: lengths.grad,
    paramOffset: lengths.param,
    momentumOffset: lengths.momentum,
    secondMomentOffset: lengths.secondMoment,
    moments: lengths.moments,
    factors: lengths.factors,
    partials: lengths.partials,
    rowSums: lengths.sums,
    colSums: lengths.sums,
    totals: lengths.sums,
    gradientSquares: lengths.sums,
    updateSquares: lengths.sums,
    paramSquares: lengths.sums,
    aligned: lengths.sums,
  };
  for (const [field, end] of Object.entries(ends)) {
    // The last element of the block is just outside.
    for (const offset of [end, record[field as keyof BlockRecord] + end]) {
      assert.throws(
        () => check({ [field]: offset }),
        new RegExp(
          `RangeError: Cannot use the block of p1: ${field} must end by ${end}, not`,
        ),
      );
    }
  }
});

Deno.test("checkBlocks() refuses records that contradict themselves or their neighbours", () => {
  assert.throws(() => check({ partsDown: 3 }), /must consist of equal parts/);
  assert.throws(() => check({ partsAcross: 0 }), /must consist of equal parts/);
  assert.throws(() => check({ tileRows: 0 }), /tiles must not be empty/);
  assert.throws(() => check({ firstRowSlot: 1 }), /every part must have a slot/);
  assert.throws(() => check({ firstTile: 5 }), /firstTile must be/);
  assert.throws(() => check({ firstVector: 5 }), /firstVector must be/);
  assert.throws(() => check({ gradOffset: 3 }, { type: f16 }), /gradOffset must keep 16-bit rows/);
  assert.throws(() => check({ cols: 11, partsAcross: 1 }, { type: f16 }), /16-bit rows and parts/);
});
