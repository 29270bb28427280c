// Dropout at one place of a model, with masks that depend on no mesh:
//
//   key   = Philox(counter (step, site, use), key (seed, DROPOUT))  site: the number of the place in the model; use: of a shared block
//   index = that of the element in the whole batch's activation     (firstRow + row) * elements of a row + ...
//
// A mask is a function of the seed, the step, the place and the element alone. Ranks that hold the same activation drop the same
// elements; ranks that hold different rows of a batch, heads or features drop what one rank would; and a recomputed block drops the
// same elements again. A forward pass without masks drops nothing: they are given to a model, or come from `training()`.

import { checkOptions } from "../tensor/option_names.ts";
import { dropout } from "../ops/dropout.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { trainingPass } from "../tensor/training_scope.ts";
import { Module } from "./module.ts";
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

/**
 * The mask of one place in one forward pass.
 *
 * @category Layers
 */
export interface DrawnMask {
  /** p */
  readonly probability: number;
  /** Two 32-bit words. */
  readonly key: readonly [number, number];
  /** Index of the first row here among those of the whole batch. */
  readonly firstRow: number;
}

/**
 * This rank's features of every row, among those of all ranks.
 *
 * @category Layers
 */
export interface PartOfRow {
  /** Index of the first of them. */
  readonly begin: number;
  /** Number of features of all ranks. */
  readonly count: number;
}

/**
 * Options of {@linkcode Dropout}.
 *
 * @category Layers
 */
export interface DropoutSettings {
  /** p: the probability that an element is dropped, from 0 up to but not including 1. */
  readonly probability: number;
  /**
   * A number that no other place of the model has: places with the same one drop the same elements. Default: one that no other has,
   * by the order in which they are made.
   */
  readonly site?: number;
}

/**
 * A place where a model drops activations, within `training()`; elsewhere it returns its input. It has no parameters.
 *
 * @category Layers
 */
export class Dropout extends Module<FloatTensor> {
  /** p of the model's config. */
  readonly probability: number;
  /** A number that is unique in the model. */
  readonly site: number;

  /** A place of dropout. @throws {RangeError} if the probability is not from 0 to below 1 */
  constructor(options: DropoutSettings) {
    super();
    checkOptions("Dropout", options, ["probability", "site"]);
    const { probability, site = numOwnSites++ } = options;
    checkProbability(probability);
    this.probability = probability;
    this.site = site;
  }

  /** Drops elements of x [B, ...] within `training()`; returns x itself elsewhere. */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(() => this.apply(x, trainingPass()) as Tensor);
  }

  /** Drops elements of x [B, ...]; returns x itself if nothing is dropped. `part` concerns the last dim of x. */
  apply(x: Tensor, masks: DropoutMasks | undefined, part?: PartOfRow): Tensor;
  /** The same of numbers in any storage. */
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

/** How many places were made without a site: models number theirs from 0, so these are far above. */
let numOwnSites = 2 ** 31;

/** Separates these random numbers from others of the same seed. */
const DROPOUT = 0x64726f70;
