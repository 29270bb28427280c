// The order of sums (src/device/block_table.ts): a tensor cut over 2, 4 or 8 ranks gives the bits of the tensor as one
// block, whichever axes are cut, when the ranks' sums are added pairwise as the all-reduce does.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { storageTypes } from "../../../src/device/storage_types.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import {
  type BlockShape,
  blockTable,
  blockWords,
  tileRun,
  vectorRun,
} from "../../support/device/block_records.ts";
import { runOnDevice } from "../../support/device/checked_kernel.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

/** Ranks along each axis. */
interface Cut {
  readonly batch: number;
  readonly rows: number;
  readonly cols: number;
}

const WHOLE: Cut = { batch: 1, rows: 1, cols: 1 };
const CUTS: readonly Cut[] = [
  ...[2, 4, 8].flatMap((ranks) => [
    { ...WHOLE, rows: ranks },
    { ...WHOLE, cols: ranks },
    { ...WHOLE, batch: ranks },
  ]),
  { batch: 1, rows: 2, cols: 2 },
  { batch: 1, rows: 2, cols: 4 },
  { batch: 1, rows: 4, cols: 2 },
  { batch: 4, rows: 1, cols: 2 },
  { batch: 2, rows: 2, cols: 2 },
];
/** Of the whole tensor. Parts of 7 x 10 elements, each of several tiles; two matrices to a part. */
const [BATCH, ROWS, COLS, PARTS] = [16, 56, 80, 8] as const;
const TILES = { tileRows: 4, tileCols: 6 };

for (const [name, type] of Object.entries(storageTypes)) {
  testOnEachDevice(`sums of ${name} have the same bits however a tensor is cut`, async (device) => {
    const random = new RandomValues(3);
    const values = random.stored(BATCH * ROWS * COLS, type);
    const want = await sumsOf(device, { values, type, cut: WHOLE });
    assert.ok(want.every((sums) => sums.every((sum) => sum > 0)));
    for (const cut of CUTS) {
      assertSameBits(await sumsOf(device, { values, type, cut }), want, JSON.stringify(cut));
    }
  });
}

/** Sums of squares of rows, of columns, of matrices and of all, of the whole tensor. */
async function sumsOf(
  device: Device,
  { values, type, cut }: {
    readonly values: Float32Array | Uint32Array;
    readonly type: number;
    readonly cut: Cut;
  },
): Promise<Float32Array[]> {
  const shape = { batch: BATCH / cut.batch, rows: ROWS / cut.rows, cols: COLS / cut.cols };
  const parts = { batch: PARTS / cut.batch, rows: PARTS / cut.rows, cols: PARTS / cut.cols };
  const ranks: Float32Array[][] = [];
  for (let k = 0; k < cut.batch; k++) {
    for (let i = 0; i < cut.rows; i++) {
      for (let j = 0; j < cut.cols; j++) {
        const sums = await sumsOfBlock(device, {
          type,
          values: pieceOf(values, type, { k, i, j, ...shape }),
          block: {
            ...shape,
            ...TILES,
            partsBatch: parts.batch,
            partsDown: parts.rows,
            partsAcross: parts.cols,
            // Outer axes have slots where an inner one is cut.
            ...(cut.cols > 1 && { rowSlots: PARTS, firstRowSlot: i * parts.rows }),
            ...(cut.cols * cut.rows > 1 &&
              { batchSlots: PARTS, firstBatchSlot: k * parts.batch }),
          },
        });
        ranks.push(placed(sums, { k, i, j, ...shape }));
      }
    }
  }
  // Where one rank has no sum the others' is added to 0.
  const [rows, cols, totals, scalar] = [0, 1, 2, 3].map((n) => tree(ranks.map((r) => r[n]!)));
  const rowSlots = cut.cols > 1 ? PARTS : 1;
  const inSlots = slotsOf(scalar!, rowSlots);
  return [rows!, cols!, slotsOf(totals!, rowSlots), slotsOf(inSlots, inSlots.length)];
}

/** A rank's piece: rank (k, i, j) of the mesh has block [batch, rows, cols]. */
interface Piece {
  readonly k: number;
  readonly i: number;
  readonly j: number;
  readonly batch: number;
  readonly rows: number;
  readonly cols: number;
}

function pieceOf(
  values: Float32Array | Uint32Array,
  type: number,
  { k, i, j, batch, rows, cols }: Piece,
): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  const isHalf = type !== storageTypes.f32;
  const elements = isHalf ? new Uint16Array(values.buffer) : new Uint32Array(values.buffer);
  const piece = elements.slice(0, batch * rows * cols);
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < rows; r++) {
      const from = ((k * batch + b) * ROWS + i * rows + r) * COLS + j * cols;
      piece.set(elements.subarray(from, from + cols), (b * rows + r) * cols);
    }
  }
  return isHalf ? new Uint32Array(piece.buffer) : new Float32Array(piece.buffer);
}

/** One block's sums: of rows, of columns, slots of totals and of the scalar. */
async function sumsOfBlock(
  device: Device,
  { values, type, block }: {
    readonly values: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
    readonly type: number;
    readonly block: BlockShape;
  },
): Promise<Float32Array[]> {
  const table = blockTable([{ ...block, gradOffset: 0 }]);
  const record = { ...table.records[0]!, gradOffset: 0 };
  const blocks = blockWords({ ...table, records: [record] });
  const { partials: partialsLength, sums: sumsLength } = table.lengths;
  const gradLength = block.batch * block.rows * block.cols;
  const tiles = await runOnDevice(device, "adafactor_tile_sums", {
    operands: { grad: values, blocks, partials: new Float32Array(partialsLength) },
    params: { ...tileRun(table), gradType: type, gradLength },
  });
  const partials = Float32Array.from(tiles.partials!);
  const joined = await runOnDevice(device, "adafactor_join_sums", {
    operands: { blocks, partials, sums: new Float32Array(sumsLength) },
    params: { ...vectorRun(table), partialsLength, sumsLength },
  });
  const all = await runOnDevice(device, "adafactor_join_scalar", {
    operands: { blocks, partials, sums: Float32Array.from(joined.sums!) },
    params: { firstBlock: 0, numBlocks: 1, scalar: 0, partialsLength, sumsLength },
  });
  const from = (at: number, length: number) => Float32Array.from(all.sums!.slice(at, at + length));
  return [
    from(record.rowSums, record.batch * record.rows),
    from(record.colSums, record.batch * record.cols),
    from(record.totals, record.batch * record.rowSlots),
    from(record.gradientSquares, record.batchSlots * record.rowSlots),
  ];
}

/** A rank's sums at the places of those of the whole tensor, 0 elsewhere. */
function placed(
  [rows, cols, totals, scalar]: Float32Array[],
  piece: Piece,
): Float32Array[] {
  const slots = totals!.length / piece.batch;
  const place = (sums: Float32Array, length: number, at: (b: number) => number) => {
    const whole = new Float32Array(BATCH * length);
    const own = sums.length / piece.batch;
    for (let b = 0; b < piece.batch; b++) {
      whole.set(sums.subarray(b * own, (b + 1) * own), at(piece.k * piece.batch + b));
    }
    return whole;
  };
  return [
    place(rows!, ROWS, (b) => b * ROWS + piece.i * piece.rows),
    place(cols!, COLS, (b) => b * COLS + piece.j * piece.cols),
    place(totals!, slots, (b) => b * slots),
    scalar!,
  ];
}

/** Elementwise sums in f32, neighbours first. */
function tree(terms: readonly Float32Array[]): Float32Array {
  if (terms.length === 1) return terms[0]!;
  const middle = terms.length / 2;
  const [left, right] = [tree(terms.slice(0, middle)), tree(terms.slice(middle))];
  return left.map((x, i) => x + right[i]!);
}

/** The sum of every `slots` values beside each other. */
function slotsOf(values: Float32Array, slots: number): Float32Array {
  return Float32Array.from({ length: values.length / slots }, (_, i) => {
    const own = values.subarray(i * slots, (i + 1) * slots);
    return tree(Array.from(own, (value) => Float32Array.of(value)))[0]!;
  });
}
