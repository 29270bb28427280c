// Dropout at one place of a model, with masks that depend on no mesh:
//
//   key   = Philox(counter (step, site, use), key (seed, DROPOUT))  site: the number of the place in the model; use: of a shared block
//   index = that of the element in the whole batch's activation     (firstRow + row) * elements of a row + ...
//
// A mask is a function of the seed, the step, the place and the element alone. Ranks that hold the same activation drop the same
// elements; ranks that hold different rows of a batch, heads or features drop what one rank would; and a recomputed block drops the
// same elements again. There is no training mode: a forward pass without masks drops nothing.

import { dropout } from "../ops/dropout.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { philox } from "./philox.ts";

/**
 * Determines all masks of a forward pass: the same values give the same masks.
 *
 * @category Layers
 */
export interface DropoutMasks {
  /** An integer from 0 to 2^32 - 1. */
  readonly seed: number;
  /** The number of the training step, or of the forward pass: an integer from 0 to 2^32 - 1. */
  readonly step: number;
  /** Index of the first row here among those of the step's whole batch, over ranks and micro-batches. Default: 0. */
  readonly firstRow?: number;
  /** Where a block is used several times in a forward pass: the number of uses before. Default: 0. */
  readonly use?: number;
  /** Replaces all probabilities of the model's config: from 0 to below 1. Default: those of the config. */
  readonly probability?: number | undefined;
}

/** The mask of one place in one forward pass. */
export interface DrawnMask {
  readonly probability: number;
  readonly key: readonly [number, number];
  readonly firstRow: number;
}

/** This rank's features of every row, among those of all ranks. */
export interface PartOfRow {
  /** Index of the first of them. */
  readonly begin: number;
  /** Number of features of all ranks. */
  readonly count: number;
}

/** A place where a model drops activations. It has no parameters. */
export class Dropout {
  /** p of the model's config. */
  readonly probability: number;
  /** A number that is unique in the model. */
  readonly site: number;

  /** A place of dropout. @throws {RangeError} if the probability is not from 0 to below 1 */
  constructor({ probability, site }: { readonly probability: number; readonly site: number }) {
    checkProbability(probability);
    this.probability = probability;
    this.site = site;
  }

  /** Drops elements of x [B, ...]; returns x itself if nothing is dropped. `part` concerns the last dim of x. */
  apply(x: Tensor, masks: DropoutMasks | undefined, part?: PartOfRow): Tensor;
  apply(x: FloatTensor, masks: DropoutMasks | undefined, part?: PartOfRow): FloatTensor;
  apply(x: FloatTensor, masks: DropoutMasks | undefined, part?: PartOfRow): FloatTensor {
    const drawn = this.draw(masks);
    if (drawn === undefined || x.length === 0) return x;
    const { firstRow, ...mask } = drawn;
    const cols = x.shape.at(-1)!;
    const { begin, count } = part ?? { begin: 0, count: cols };
    const rowsOfBatch = x.length / cols / x.shape[0];
    return dropout(x, {
      ...mask,
      rowLength: count,
      firstIndex: firstRow * rowsOfBatch * count + begin,
    });
  }

  /**
   * The mask of this place; undefined if nothing is dropped.
   *
   * @throws {RangeError} if a number of the masks is out of range
   */
  draw(masks: DropoutMasks | undefined): DrawnMask | undefined {
    if (masks === undefined) return undefined;
    const { seed, step, firstRow = 0, use = 0, probability = this.probability } = masks;
    checkProbability(probability);
    for (const [name, value] of Object.entries({ seed, step })) {
      if (value === value >>> 0) continue;
      throw new RangeError(`Dropout wants a ${name} from 0 to 4294967295, got ${value}`);
    }
    if (!Number.isSafeInteger(firstRow) || firstRow < 0) {
      throw new RangeError(`Dropout wants a firstRow from 0, got ${firstRow}`);
    }
    if (probability === 0) return undefined;
    const words = new Uint32Array(4);
    philox(words, [step, this.site, use, 0], [seed, DROPOUT]);
    return { probability, firstRow, key: [words[0], words[1]] };
  }
}

function checkProbability(probability: number): void {
  if (probability >= 0 && probability < 1) return;
  throw new RangeError(`Dropout wants a probability from 0 to below 1, got ${probability}`);
}

/** Separates these random numbers from others of the same seed. */
const DROPOUT = 0x64726f70;
