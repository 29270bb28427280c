// Tables of blocks, and operands for them, to test kernels over blocks: shapes that tiles divide and not,
// batches, parts, and parts in slots; several in one set of buffers.

import type { NumbersRecord } from "../../../src/device/block_table.ts";
import { storageTypes } from "../../../src/device/storage_types.ts";
import { type BlockShape, type BlockTable, blockTable } from "./block_records.ts";
import type { RandomValues } from "./random_values.ts";

// Nothing, one element, vectors, matrices that tiles divide and not, batches, parts, and parts in slots.
const ODD: readonly BlockShape[] = [
  { batch: 1, rows: 1, cols: 1 },
  { batch: 0, rows: 3, cols: 5 },
  { batch: 1, rows: 0, cols: 5 },
  { batch: 1, rows: 5, cols: 0 },
  { batch: 1, rows: 1, cols: 65 },
  { batch: 1, rows: 67, cols: 1 },
  { batch: 1, rows: 33, cols: 65 },
  { batch: 3, rows: 7, cols: 3, tileRows: 5, tileCols: 2 },
];
const EVEN: readonly BlockShape[] = [
  { batch: 1, rows: 1, cols: 7 },
  { batch: 1, rows: 1, cols: 64, partsAcross: 8 },
  { batch: 2, rows: 33, cols: 66, tileRows: 7, tileCols: 10 },
  { batch: 1, rows: 67, cols: 1100, tileRows: 66, tileCols: 1060 },
  { batch: 1, rows: 24, cols: 72, partsDown: 2, partsAcross: 4, tileRows: 5, tileCols: 8 },
  { batch: 8, rows: 16, cols: 48, partsBatch: 8, partsDown: 8, partsAcross: 8 },
  {
    batch: 4,
    rows: 12,
    cols: 10,
    partsBatch: 2,
    partsDown: 4,
    tileRows: 2,
    tileCols: 4,
    batchSlots: 8,
    firstBatchSlot: 4,
    rowSlots: 8,
    firstRowSlot: 4,
    // Rows 12 .. 24 of 48, columns in heads of 5 of 20, and matrices 2, 3, 6, 7 of a batch.
    batchBegin: 2,
    batchInner: 2,
    batchInnerGlobal: 4,
    rowBegin: 12,
    indexRows: 48,
    colBegin: 5,
    colInner: 5,
    colInnerGlobal: 20,
    indexCols: 40,
  },
  { batch: 6, rows: 4, cols: 4, partsBatch: 2, partsDown: 1, batchSlots: 4, firstBatchSlot: 2 },
];
const LARGER: readonly BlockShape[] = [
  { batch: 1, rows: 70, cols: 2100, tileRows: 1000, tileCols: 4000 },
  { batch: 1, rows: 64, cols: 1024, partsDown: 8, partsAcross: 8, tileRows: 64, tileCols: 512 },
];
const { f32, f16, bf16 } = storageTypes;
export const F32 = [{ type: f32, shapes: [...ODD, ...EVEN] }, { type: f32, shapes: LARGER }];
export const HALVES = [{ type: f16, shapes: EVEN }, { type: bf16, shapes: EVEN }];

/** Tables of the shapes, with calls on all of their blocks and on all but the first three. */
export function tables(
  storage: readonly { readonly type: number; readonly shapes: readonly BlockShape[] }[],
  more: Partial<BlockShape> = {},
): { readonly table: BlockTable; readonly type: number; readonly firstBlock: number }[] {
  return storage.flatMap(({ type, shapes }) => {
    const table = blockTable(shapes.map((shape) => ({ ...shape, ...more })));
    return shapes === LARGER
      ? [{ table, type, firstBlock: 0 }]
      : [{ table, type, firstBlock: 0 }, { table, type, firstBlock: 3 }];
  });
}

export function gradOperand(random: RandomValues, { lengths }: BlockTable, type: number) {
  return { grad: random.stored(lengths.grad, type) };
}

export function gradParams({ lengths }: BlockTable, gradType: number) {
  return { gradType, gradLength: lengths.grad };
}

export function paramOperand(random: RandomValues, { lengths }: BlockTable, type: number) {
  return { param: random.stored(lengths.param, type) };
}

export function paramParams({ lengths }: BlockTable, paramType: number) {
  return { paramType, paramLength: lengths.param };
}

export function momentumParams({ lengths }: BlockTable, momentumType: number) {
  return { momentumType, momentumLength: lengths.momentum };
}

/** Factors of rows and columns, and for every block a cap that holds some of their products. */
export function factorsOf(random: RandomValues, { records, lengths }: BlockTable) {
  const factors = random.positive(lengths.factors);
  records.forEach(({ factors: first, batch, rows, cols }, index) => {
    factors[first + batch * (rows + cols)] = index % 2 === 0 ? 1.2 : 1e30;
  });
  return factors;
}

export function numbersRecord(random: RandomValues): NumbersRecord {
  return {
    take: random.next(),
    rate: 0.01 + random.next(),
    key: Math.floor(2 ** 30 * random.next()),
    decayTimesStep: random.next(),
    decayAbsolute: random.next(),
  };
}

export function stepRecord(random: RandomValues) {
  // Some without decay, and some upwards.
  const decay = Math.max(0, 0.1 * random.next() - 0.05);
  const sign = random.next() < 0.3 ? -1 : 1;
  return {
    a: sign * random.next(),
    d: 1 + random.next(),
    decay,
    take: sign * random.next(),
    over: random.next(),
    share: random.next(),
    paramRms: 0,
    updateRms: 0,
    key: Math.floor(2 ** 30 * random.next()),
  };
}
