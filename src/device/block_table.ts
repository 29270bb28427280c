// The blocks that Adafactor's kernels work on: one record of 32-bit words each, so that one dispatch serves many tensors.
//
// A block is this rank's piece [batch, rows, cols] of one parameter. A kernel works on consecutive blocks, whose tensors are
// stored in the same buffers, tile by tile. The order of its sums depends only on the shape of the whole parameter, not on
// how that is sharded, so that 2^k ranks with even shards give the same bits as one rank:
//
//   part   rows are cut into 8 equal parts of the WHOLE parameter (4, 2 or 1 where 8 does not divide them), and so are
//          columns and the batch. A rank that owns whole parts counts them in partsBatch, partsDown, partsAcross; one
//          whose shard does not end where a part ends has 1 part.
//   tile   a part is cut into tiles of tileRows x tileCols, the last ones smaller; sums within a tile, and over the
//          tiles of a part (in ascending order), depend on the part's shape alone
//   tree   parts are added pairwise, ((0 + 1) + (2 + 3)) + ..., neighbours first: so ranks' sums, added pairwise in rank
//          order by the all-reduce (rust_collectives/src/reduce.rs), continue the same tree
//
// A sum over several axes is the tree over the batch's parts of the tree over the rows' parts of that over the columns'.
// Where an inner axis is cut over ranks, its sums must be added before the outer ones: then every part of the outer axes
// has a slot of its own in `sums` (batchSlots x rowSlots of them, 0 where another rank owns the part), and the
// kernel that reads the sum adds up the slots. Where no inner axis is cut there is one slot.
//
// Tiles are numbered from the first tile of the plan's first block; in a block they run over matrices, then down, then
// across: tile = firstTile + (b tilesDown + i) tilesAcross + j.

/** Formats of a record's words. */
type FieldType = "u32" | "f32";

/** A record's fields, in memory order. Offsets count elements of the bound buffer. */
export const blockFields = {
  // Shape of the block.
  batch: "u32",
  rows: "u32",
  cols: "u32",
  // Sizes of the whole parameter, by which sums are divided.
  globalRows: "f32",
  globalCols: "f32",
  globalCount: "f32",
  // Equal parts of this block: batch % partsBatch = rows % partsDown = cols % partsAcross = 0.
  partsBatch: "u32",
  partsDown: "u32",
  partsAcross: "u32",
  tileRows: "u32",
  tileCols: "u32",
  firstTile: "u32",
  // Vector elements of the blocks before: batch (rows + cols + rowSlots) each.
  firstVector: "u32",
  // The first elements of its tensors. A 16-bit tensor of more than one row has even cols, cols / partsAcross and offset, one of a
  // single row an even cols / partsAcross unless partsAcross is 1, and an even offset. tileCols is even then too.
  gradOffset: "u32",
  paramOffset: "u32",
  momentumOffset: "u32",
  secondMomentOffset: "u32",
  // R [batch, rows], C [batch, cols], M [batch]
  moments: "u32",
  // row factors [batch, rows], column factors [batch, cols], the cap
  factors: "u32",
  // rows [batch, rows, tilesAcross], columns [batch, tilesDown, cols], tiles [batch, tilesDown, tilesAcross]
  partials: "u32",
  // Slots of `sums`: [batch, rows], [batch, cols], [batch, rowSlots], and [batchSlots, rowSlots] for each scalar.
  rowSums: "u32",
  colSums: "u32",
  totals: "u32",
  gradientSquares: "u32",
  updateSquares: "u32",
  paramSquares: "u32",
  aligned: "u32",
  // Slots of the outer axes, and which of them this block's first part has.
  batchSlots: "u32",
  firstBatchSlot: "u32",
  rowSlots: "u32",
  firstRowSlot: "u32",
  // Constants of a training (src/optim/options/hyperparameters.ts).
  eps1: "f32",
  meanFloor: "f32",
  factorCap: "f32",
  scaleParameter: "u32",
  scaleFloor: "f32",
  scaleCeiling: "f32",
  clipThreshold: "f32",
  beta1: "f32",
  rateAfterMomentum: "u32",
  cautious: "u32",
  // The position of an element in the whole parameter, viewed as [batch, indexRows, indexCols]; per axis
  // global = floor(i / inner) innerGlobal + begin + i mod inner
  batchBegin: "u32",
  batchInner: "u32",
  batchInnerGlobal: "u32",
  rowBegin: "u32",
  rowInner: "u32",
  rowInnerGlobal: "u32",
  colBegin: "u32",
  colInner: "u32",
  colInnerGlobal: "u32",
  indexRows: "u32",
  indexCols: "u32",
} as const satisfies Record<string, FieldType>;

/** A record as numbers by name. */
export type BlockRecord = { readonly [Field in keyof typeof blockFields]: number };

/** A record of zeros, which gives a value to the fields that the kernels of a rule do not read. */
export const zeroRecord = Object.fromEntries(
  Object.keys(blockFields).map((field) => [field, 0]),
) as BlockRecord;

/** Words of one record. */
export const BLOCK_WORDS = Object.keys(blockFields).length;

/** Values that change from step to step, per block; `key` seeds stochastic rounding. */
export const numberFields = {
  // 1 - beta2
  take: "f32",
  rate: "f32",
  // The share of p that decays is a decayTimesStep + decayAbsolute.
  decayTimesStep: "f32",
  decayAbsolute: "f32",
  key: "u32",
} as const satisfies Record<string, FieldType>;

/** A record of values that change from step to step. */
export type NumbersRecord = { readonly [Field in keyof typeof numberFields]: number };

/** Words of one such record. */
export const NUMBERS_WORDS = Object.keys(numberFields).length;

/**
 * The results of `adafactor_step_sizes`, per block:
 *   a        rate (scaleParameter ? clamp(RMS p, scaleFloor, scaleCeiling) : 1)
 *   d        max(1, RMS u / clipThreshold)
 *   decay    a decayTimesStep + decayAbsolute
 *   take     (1 - beta1) (rateAfterMomentum ? 1 : a) / d      weight of the update in the momentum
 *   over     (rateAfterMomentum ? a : 1) / share              weight of the momentum in the step
 *   share    max(sum of aligned / globalCount, 1e-3) where cautious, else 1
 */
export const stepFields = {
  a: "f32",
  d: "f32",
  decay: "f32",
  take: "f32",
  over: "f32",
  share: "f32",
  paramRms: "f32",
  updateRms: "f32",
  key: "u32",
} as const satisfies Record<string, FieldType>;

/** Words of one such record. */
export const STEP_WORDS = Object.keys(stepFields).length;

/** The numbers of a step that `adamw_step` takes, per block. */
export const adamwFields = {
  // lr / (1 - beta1^t), negative uphill
  stepSize: "f32",
  // 1 / sqrt(1 - beta2^t)
  rootCorrection: "f32",
  // lr weightDecay
  decay: "f32",
  // 1 - beta1 and 1 - beta2
  take: "f32",
  takeSquares: "f32",
  eps: "f32",
  key: "u32",
} as const satisfies Record<string, FieldType>;

/** A record of AdamW's step. */
export type AdamwRecord = { readonly [Field in keyof typeof adamwFields]: number };

/** Words of one such record. */
export const ADAMW_WORDS = Object.keys(adamwFields).length;

/** Records one after the other, as kernels read them. */
export function encodeRecords<Fields extends Readonly<Record<string, FieldType>>>(
  fields: Fields,
  records: readonly { readonly [Field in keyof Fields]: number }[],
): Uint32Array<ArrayBuffer> {
  const entries = Object.entries(fields);
  const words = new Uint32Array(records.length * entries.length);
  const floats = new Float32Array(words.buffer);
  records.forEach((record, index) => {
    entries.forEach(([name, type], field) => {
      const at = index * entries.length + field;
      const value = record[name as keyof Fields];
      if (type === "f32") floats[at] = value;
      else words[at] = value;
    });
  });
  return words;
}

/** Tiles of a block from top to bottom of each matrix, and from left to right. */
export function tileGrid(
  { rows, cols, partsDown, partsAcross, tileRows, tileCols }: Pick<
    BlockRecord,
    "rows" | "cols" | "partsDown" | "partsAcross" | "tileRows" | "tileCols"
  >,
): { readonly down: number; readonly across: number } {
  return {
    down: partsDown * Math.ceil(rows / partsDown / tileRows),
    across: partsAcross * Math.ceil(cols / partsAcross / tileCols),
  };
}

/** Elements that a block needs in `partials`. */
export function partialsLength(block: BlockRecord): number {
  const { batch, rows, cols } = block;
  const { down, across } = tileGrid(block);
  return batch * (rows * across + down * cols + down * across);
}

/** Elements of a block's vectors: row sums, column sums and totals. */
export function vectorLength({ batch, rows, cols, rowSlots }: BlockRecord): number {
  return batch * (rows + cols + rowSlots);
}
