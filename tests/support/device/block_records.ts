// Tables of blocks for tests, from shapes: tensors laid out one after the other with gaps between them, at offsets that are
// multiples of 2 (for elements of 16 bits) but not of 4.

import {
  blockFields,
  type BlockRecord,
  encodeRecords,
  numberFields,
  type NumbersRecord,
  partialsLength,
  stepFields,
  tileGrid,
  vectorLength,
  zeroRecord,
} from "../../../src/device/block_table.ts";

/** The fields that a block must give; the others have defaults. */
export type BlockShape =
  & Pick<BlockRecord, "batch" | "rows" | "cols">
  & Partial<BlockRecord>;

/** Blocks laid out in one set of buffers, and how many elements each buffer has. */
export interface BlockTable {
  readonly records: readonly BlockRecord[];
  readonly lengths: Readonly<Record<Buffer, number>>;
}

/** The buffers that blocks share. */
type Buffer =
  | "grad"
  | "param"
  | "momentum"
  | "secondMoment"
  | "moments"
  | "factors"
  | "partials"
  | "sums";

/** Lays out blocks. By default a block is the whole of its parameter, one part, with tiles of 16 x 32. */
export function blockTable(shapes: readonly BlockShape[]): BlockTable {
  const lengths = {
    grad: 2,
    param: 6,
    momentum: 10,
    secondMoment: 14,
    moments: 1,
    factors: 3,
    partials: 5,
    sums: 7,
  };
  const take = (buffer: Buffer, length: number, gap: number) => {
    const begin = lengths[buffer];
    lengths[buffer] += length + gap;
    return begin;
  };
  let firstTile = 0;
  let firstVector = 0;
  const records = shapes.map((shape) => {
    const { batch, rows, cols } = shape;
    const count = batch * rows * cols;
    const even = count + count % 2;
    const sized: BlockRecord = { ...DEFAULTS, ...wholeOf(shape), ...shape };
    const slots = sized.batchSlots * sized.rowSlots;
    const record: BlockRecord = {
      ...sized,
      firstTile,
      firstVector,
      gradOffset: take("grad", even, 2),
      paramOffset: take("param", even, 6),
      momentumOffset: take("momentum", even, 2),
      secondMomentOffset: take("secondMoment", even, 4),
      moments: take("moments", batch * (rows + cols + 1), 2),
      factors: take("factors", batch * (rows + cols) + 1, 1),
      partials: take("partials", partialsLength(sized), 3),
      rowSums: take("sums", batch * rows, 1),
      colSums: take("sums", batch * cols, 2),
      totals: take("sums", batch * sized.rowSlots, 1),
      gradientSquares: take("sums", slots, 1),
      updateSquares: take("sums", slots, 2),
      paramSquares: take("sums", slots, 1),
      aligned: take("sums", slots, 3),
    };
    firstTile += numTiles(record);
    firstVector += vectorLength(record);
    return record;
  });
  return { records, lengths };
}

/** Parameters of a kernel that goes over tiles: blocks `firstBlock` to the last. */
export function tileRun({ records, lengths }: BlockTable, firstBlock = 0) {
  const run = records.slice(firstBlock);
  return {
    firstBlock,
    numBlocks: run.length,
    firstTile: run[0]?.firstTile ?? 0,
    numTiles: run.reduce((sum, block) => sum + numTiles(block), 0),
    partialsLength: lengths.partials,
  };
}

/** Parameters of a kernel that goes over vectors: blocks `firstBlock` to the last. */
export function vectorRun({ records }: BlockTable, firstBlock = 0) {
  const run = records.slice(firstBlock);
  return {
    firstBlock,
    numBlocks: run.length,
    firstVector: run[0]?.firstVector ?? 0,
    numVectors: run.reduce((sum, block) => sum + vectorLength(block), 0),
  };
}

/** The table's records as an operand. */
export function blockWords({ records }: BlockTable): Uint32Array<ArrayBuffer> {
  return encodeRecords(blockFields, records);
}

/** Numbers of every block as an operand. */
export function numberWords(numbers: readonly NumbersRecord[]): Uint32Array<ArrayBuffer> {
  return encodeRecords(numberFields, numbers);
}

/** Steps as an operand: words seen as f32, as a kernel's results are compared. */
export function stepWords(
  steps: readonly { readonly [Field in keyof typeof stepFields]: number }[],
): Float32Array<ArrayBuffer> {
  return new Float32Array(encodeRecords(stepFields, steps).buffer);
}

function numTiles(block: BlockRecord): number {
  const { down, across } = tileGrid(block);
  return block.batch * down * across;
}

/** The fields of a block that is the whole of its parameter. */
function wholeOf({ batch, rows, cols }: BlockShape) {
  return {
    globalRows: Math.max(rows, 1),
    globalCols: Math.max(cols, 1),
    globalCount: Math.max(batch * rows * cols, 1),
    batchInner: Math.max(batch, 1),
    batchInnerGlobal: Math.max(batch, 1),
    rowInner: Math.max(rows, 1),
    rowInnerGlobal: Math.max(rows, 1),
    indexRows: rows,
    colInner: Math.max(cols, 1),
    colInnerGlobal: Math.max(cols, 1),
    indexCols: cols,
  };
}

const DEFAULTS: BlockRecord = {
  ...zeroRecord,
  partsBatch: 1,
  partsDown: 1,
  partsAcross: 1,
  tileRows: 16,
  tileCols: 32,
  batchSlots: 1,
  rowSlots: 1,
  eps1: 1e-30,
  factorCap: 1e30,
  scaleFloor: 1e-3,
  scaleCeiling: 1e30,
  clipThreshold: 1,
  beta1: 0.9,
};
