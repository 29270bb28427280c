// Adafactor's passes over blocks, as the comments in src/device/kernels/ define them. Sums are exact here, so
// their order (src/device/block_table.ts) does not matter: only which terms each has.

import {
  blockFields,
  type BlockRecord,
  numberFields,
  type NumbersRecord,
  STEP_WORDS,
  stepFields,
  tileGrid,
} from "../../src/device/block_table.ts";
import type { Reference } from "./reference.ts";

/** A record of `stepFields`. */
export type StepRecord = { readonly [Field in keyof typeof stepFields]: number };

/** Parameters that name consecutive blocks. */
export interface BlockRange {
  readonly firstBlock: number;
  readonly numBlocks: number;
}

/** The blocks with their place in the plan. */
export function blocksOf(
  blocks: Float64Array,
  { firstBlock, numBlocks }: BlockRange,
): { readonly block: BlockRecord; readonly index: number }[] {
  const words = Uint32Array.from(blocks);
  return Array.from({ length: numBlocks }, (_, i) => ({
    block: recordAt(blockFields, words, firstBlock + i),
    index: firstBlock + i,
  }));
}

/** Block `index`'s values that change from step to step. */
export function numbersOf(numbers: Float64Array, index: number): NumbersRecord {
  return recordAt(numberFields, Uint32Array.from(numbers), index);
}

/** Block `index`'s step. Its words come as f32. */
export function stepOf(steps: Float64Array, index: number): StepRecord {
  return recordAt(stepFields, new Uint32Array(Float32Array.from(steps).buffer), index);
}

/** Record `index` of some words. */
export function recordAt<Fields extends Readonly<Record<string, "u32" | "f32">>>(
  fields: Fields,
  words: Uint32Array<ArrayBuffer>,
  index: number,
): { readonly [Field in keyof Fields]: number } {
  const names = Object.keys(fields);
  const record = words.slice(index * names.length, (index + 1) * names.length);
  const floats = new Float32Array(record.buffer);
  return Object.fromEntries(
    names.map((name, at) => [name, fields[name] === "f32" ? floats[at]! : record[at]!]),
  ) as { readonly [Field in keyof Fields]: number };
}

/** One element of a block, its index in the block's tensors, and its tile. */
export interface Element {
  readonly b: number;
  readonly i: number;
  readonly j: number;
  readonly at: number;
  readonly tileRow: number;
  readonly tileCol: number;
}

/** Calls `visit` for every element of a block. */
export function forEachElement(block: BlockRecord, visit: (element: Element) => void): void {
  const { batch, rows, cols, partsDown, partsAcross, tileRows, tileCols } = block;
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < rows; i++) {
      const tileRow = tileAt(i, rows / partsDown, tileRows);
      for (let j = 0; j < cols; j++) {
        const tileCol = tileAt(j, cols / partsAcross, tileCols);
        visit({ b, i, j, at: (b * rows + i) * cols + j, tileRow, tileCol });
      }
    }
  }
}

/** Which tile of its axis a row or column is in. */
function tileAt(i: number, partLength: number, tileLength: number): number {
  const part = Math.floor(i / partLength);
  return part * Math.ceil(partLength / tileLength) +
    Math.floor((i - part * partLength) / tileLength);
}

/** Sums of the values that `add` is given: of each tile, and of its rows and columns, as `partials` has them. */
export class TileSums {
  readonly #block: BlockRecord;
  readonly #rows: Float64Array;
  readonly #cols: Float64Array;
  readonly #tiles: Float64Array;
  readonly #grid: { readonly down: number; readonly across: number };

  /** Zeroes the block's sums of tiles or, for "all", those of their rows and columns too. */
  constructor(partials: Float64Array, block: BlockRecord, kind: "tiles" | "all") {
    const { rows, cols, tiles } = partialsOf(partials, block);
    this.#block = block;
    this.#grid = tileGrid(block);
    this.#rows = kind === "all" ? rows.fill(0) : rows.slice();
    this.#cols = kind === "all" ? cols.fill(0) : cols.slice();
    this.#tiles = tiles.fill(0);
  }

  add({ b, i, j, tileRow, tileCol }: Element, value: number): void {
    const { rows, cols } = this.#block;
    const { down, across } = this.#grid;
    this.#rows[(b * rows + i) * across + tileCol]! += value;
    this.#cols[(b * down + tileRow) * cols + j]! += value;
    this.#tiles[(b * down + tileRow) * across + tileCol]! += value;
  }
}

/** A block's part of `partials`. */
function partialsOf(partials: Float64Array, block: BlockRecord) {
  const { batch, rows, cols } = block;
  const { down, across } = tileGrid(block);
  const colsAt = block.partials + batch * rows * across;
  const tilesAt = colsAt + batch * down * cols;
  return {
    rows: partials.subarray(block.partials, colsAt),
    cols: partials.subarray(colsAt, tilesAt),
    tiles: partials.subarray(tilesAt, tilesAt + batch * down * across),
  };
}

export const adafactorJoinSums: Reference<"adafactor_join_sums"> = (operands, params) => {
  const { blocks, partials, sums } = operands;
  for (const { block } of blocksOf(blocks, params)) {
    const { batch, rows, cols, rowSlots } = block;
    const { down, across } = tileGrid(block);
    const tiles = partialsOf(partials, block);
    sums.fill(0, block.rowSums, block.rowSums + batch * rows);
    sums.fill(0, block.colSums, block.colSums + batch * cols);
    sums.fill(0, block.totals, block.totals + batch * rowSlots);
    tiles.rows.forEach((sum, at) => sums[block.rowSums + Math.floor(at / across)]! += sum);
    tiles.cols.forEach((sum, at) => {
      const b = Math.floor(at / (down * cols));
      sums[block.colSums + b * cols + at % cols]! += sum;
    });
    tiles.tiles.forEach((sum, at) => {
      const b = Math.floor(at / (down * across));
      sums[block.totals + b * rowSlots + rowSlotOf(block, at)]! += sum;
    });
  }
};

export const adafactorJoinScalar: Reference<"adafactor_join_scalar"> = (operands, params) => {
  const { blocks, partials, sums } = operands;
  for (const { block } of blocksOf(blocks, params)) {
    const { down, across } = tileGrid(block);
    const first = block[SCALARS[params.scalar]!];
    sums.fill(0, first, first + block.batchSlots * block.rowSlots);
    partialsOf(partials, block).tiles.forEach((sum, at) => {
      const b = Math.floor(at / (down * across));
      const part = Math.floor(b / (block.batch / block.partsBatch));
      const batchSlot = block.batchSlots === 1 ? 0 : block.firstBatchSlot + part;
      sums[first + batchSlot * block.rowSlots + rowSlotOf(block, at)]! += sum;
    });
  }
};

/** The slot of the rows' part with the tile at `at` of the block. */
function rowSlotOf(block: BlockRecord, at: number): number {
  const { down, across } = tileGrid(block);
  const tileRow = Math.floor(at / across) % down;
  return block.rowSlots === 1
    ? 0
    : block.firstRowSlot + Math.floor(tileRow / (down / block.partsDown));
}

export const adafactorScaleGradients: Reference<"adafactor_scale_gradients"> = (
  { blocks, sums, guard },
  params,
) => {
  const totals = blocksOf(blocks, params).map(({ block }) =>
    scalarOf(sums, block, "gradientSquares")
  );
  guard[0] = totals.every(Number.isFinite) ? 0 : 1;
  const norm = params.factor * Math.sqrt(totals.reduce((sum, square) => sum + square, 0));
  sums[params.slot] = norm > params.maxNorm ? params.factor * params.maxNorm / norm : params.factor;
};

export const adafactorAverages: Reference<"adafactor_averages"> = (operands, params) => {
  const { blocks, numbers, sums, guard, moments, factors } = operands;
  if (guard[0] !== 0) return;
  const scale = sums[params.gradientScale]!;
  for (const { block, index } of blocksOf(blocks, params)) {
    const { batch, rows, cols, rowSlots, globalRows, globalCols } = block;
    const { take } = numbersOf(numbers, index);
    const next = (average: number, mean: number) =>
      (1 - take) * average + take * (scale ** 2 * mean + block.eps1);
    const colMoments = block.moments + batch * rows;
    const means = colMoments + batch * cols;
    const colFactors = block.factors + batch * rows;
    for (let b = 0; b < batch; b++) {
      const total = sum(sums.subarray(block.totals + b * rowSlots).subarray(0, rowSlots));
      moments[means + b] = next(moments[means + b]!, total / (globalRows * globalCols));
      const floored = atLeastTiny(Math.max(moments[means + b]!, block.meanFloor));
      for (let r = b * rows; r < (b + 1) * rows; r++) {
        const moment = next(moments[block.moments + r]!, sums[block.rowSums + r]! / globalCols);
        moments[block.moments + r] = moment;
        factors[block.factors + r] = scale / Math.sqrt(atLeastTiny(moment / floored));
      }
      for (let c = b * cols; c < (b + 1) * cols; c++) {
        const moment = next(moments[colMoments + c]!, sums[block.colSums + c]! / globalRows);
        moments[colMoments + c] = moment;
        factors[colFactors + c] = 1 / Math.sqrt(atLeastTiny(moment));
      }
    }
    factors[colFactors + batch * cols] = scale * block.factorCap;
  }
};

export const adafactorStepSizes: Reference<"adafactor_step_sizes"> = (operands, params) => {
  const { blocks, numbers, sums, steps } = operands;
  for (const { block, index } of blocksOf(blocks, params)) {
    const { globalCount, rateAfterMomentum, beta1, scaleFloor, scaleCeiling } = block;
    const { rate, decayTimesStep, decayAbsolute, key } = numbersOf(numbers, index);
    const paramRms = Math.sqrt(scalarOf(sums, block, "paramSquares") / globalCount);
    const updateRms = Math.sqrt(scalarOf(sums, block, "updateSquares") / globalCount);
    const scale = Math.min(scaleCeiling, Math.max(scaleFloor, paramRms));
    const a = rate * (block.scaleParameter ? scale : 1);
    const d = Math.max(1, updateRms / block.clipThreshold);
    const share = block.cautious
      ? Math.max(scalarOf(sums, block, "aligned") / globalCount, 1e-3)
      : 1;
    const step: StepRecord = {
      a,
      d,
      decay: a * decayTimesStep + decayAbsolute,
      share,
      paramRms,
      updateRms,
      take: (1 - beta1) * (rateAfterMomentum ? 1 : a) / d,
      over: (rateAfterMomentum ? a : 1) / share,
      // A whole word: as an operand of f32 it is the number of the same bits.
      key: new Float32Array(Uint32Array.of(key).buffer)[0]!,
    };
    Object.keys(stepFields).forEach((name, field) => {
      steps[index * STEP_WORDS + field] = step[name as keyof StepRecord];
    });
  }
};

/** A scalar from its slots. */
function scalarOf(
  sums: Float64Array,
  block: BlockRecord,
  name: typeof SCALARS[number],
): number {
  return sum(sums.subarray(block[name]).subarray(0, block.batchSlots * block.rowSlots));
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** `value`, at least the smallest normal f32. */
function atLeastTiny(value: number): number {
  return Math.max(value, 2 ** -126);
}

/** The scalars of adafactor_join_scalar, by number. */
const SCALARS = ["gradientSquares", "updateSquares", "paramSquares", "aligned"] as const;
