// Checks of block records (block_table.ts) before kernels read them: every offset is within its buffer, every count is
// consistent. Kernels find their operands through records, which `checkRun` cannot check; so a mistake is an error with
// names and numbers, never memory corruption.

import { type BlockRecord, partialsLength, tileGrid, vectorLength } from "../block_table.ts";
import { storageTypes } from "../storage_types.ts";

/** A record, and how many elements the tensors that it works on have room for. */
export interface CheckedBlock {
  /** The parameter's name, for messages. */
  readonly name: string;
  readonly record: BlockRecord;
  /** By the field that says where the block begins; without those that the kernels that run do not use. */
  readonly tensors: { readonly [Offset in TensorOffset]?: TensorRoom | undefined };
}

/** Fields of a record that say where a tensor's elements begin. */
type TensorOffset = "gradOffset" | "paramOffset" | "momentumOffset" | "secondMomentOffset";

/** A tensor's buffer. */
export interface TensorRoom {
  /** One of `storageTypes`. */
  readonly type: number;
  /** Elements of the buffer. */
  readonly length: number;
}

/** Elements of the buffers that all blocks share. */
export interface SharedRoom {
  /** Undefined where the kernels that run use no row and column averages. */
  readonly averages: { readonly moments: number; readonly factors: number } | undefined;
  readonly partials: number;
  readonly sums: number;
}

/** @throws {RangeError} if a record points beyond a buffer or contradicts block_table.ts */
export function checkBlocks(blocks: readonly CheckedBlock[], room: SharedRoom): void {
  let firstTile = blocks[0]?.record.firstTile ?? 0;
  let firstVector = blocks[0]?.record.firstVector ?? 0;
  for (const block of blocks) {
    checkCounts(block);
    checkRoom(block, room);
    const { record } = block;
    demand(block, record.firstTile === firstTile, `firstTile must be ${firstTile}`);
    demand(block, record.firstVector === firstVector, `firstVector must be ${firstVector}`);
    const { down, across } = tileGrid(record);
    firstTile += record.batch * down * across;
    firstVector += vectorLength(record);
  }
}

function checkCounts(block: CheckedBlock): void {
  const { record } = block;
  const { batch, rows, cols, partsBatch, partsDown, partsAcross } = record;
  const { batchSlots, firstBatchSlot, rowSlots, firstRowSlot } = record;
  const isCut = (length: number, parts: number) => parts >= 1 && length % parts === 0;
  demand(
    block,
    isCut(batch, partsBatch) && isCut(rows, partsDown) && isCut(cols, partsAcross),
    "the block must consist of equal parts",
  );
  demand(block, record.tileRows >= 1 && record.tileCols >= 1, "tiles must not be empty");
  demand(
    block,
    (rowSlots === 1 || firstRowSlot + partsDown <= rowSlots) &&
      (batchSlots === 1 || firstBatchSlot + partsBatch <= batchSlots) &&
      rowSlots >= 1 && batchSlots >= 1,
    "every part must have a slot",
  );
}

function checkRoom(block: CheckedBlock, room: SharedRoom): void {
  const { record, tensors } = block;
  const { batch, rows, cols, batchSlots, rowSlots } = record;
  const count = batch * rows * cols;
  const within = (field: keyof BlockRecord, length: number, available: number) => {
    const end = record[field] + length;
    demand(block, end <= available, `${field} must end by ${available}, not at ${end}`);
  };
  for (const field of TENSOR_OFFSETS) {
    const tensor = tensors[field];
    if (tensor === undefined) continue;
    within(field, count, tensor.length);
    checkAlignment(block, field, tensor.type);
  }
  within("partials", partialsLength(record), room.partials);
  if (room.averages !== undefined) {
    within("moments", batch * (rows + cols + 1), room.averages.moments);
    within("factors", batch * (rows + cols) + 1, room.averages.factors);
    within("rowSums", batch * rows, room.sums);
    within("colSums", batch * cols, room.sums);
    within("totals", batch * rowSlots, room.sums);
  }
  for (const scalar of ["gradientSquares", "updateSquares", "paramSquares", "aligned"] as const) {
    within(scalar, batchSlots * rowSlots, room.sums);
  }
}

function checkAlignment(block: CheckedBlock, field: keyof BlockRecord, type: number): void {
  if (type === storageTypes.f32) return;
  demand(
    block,
    record16Fits(block.record, block.record[field]),
    `${field} must keep 16-bit rows and parts on whole words`,
  );
}

/** Whether a 16-bit tensor of this block that begins at element `offset` is aligned as block_table.ts demands. */
export function record16Fits(
  { batch, rows, cols, partsAcross }: Pick<BlockRecord, "batch" | "rows" | "cols" | "partsAcross">,
  offset: number,
): boolean {
  if (offset % 2 !== 0) return false;
  const isPartEven = (cols / partsAcross) % 2 === 0;
  return batch * rows <= 1 ? partsAcross === 1 || isPartEven : cols % 2 === 0 && isPartEven;
}

function demand({ name, record }: CheckedBlock, holds: boolean, wanted: string): void {
  if (holds) return;
  throw new RangeError(
    `Cannot use the block of ${name}: ${wanted}: ${JSON.stringify(record)}`,
  );
}

const TENSOR_OFFSETS = [
  "gradOffset",
  "paramOffset",
  "momentumOffset",
  "secondMomentOffset",
] as const;
