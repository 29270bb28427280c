// A place in a model where activations are dropped in training, and which ones:
//
//   key   = Philox(counter (step, site), key (seed, DROPOUT))       site: the number of the place in the model
//   index = that of the element in the whole batch's activation     (firstRow + row) * elements of a row + ...
//
// So a mask is a function of the seed, the step, the place and the element alone, whatever the mesh: ranks that hold the same
// activation drop the same, those that hold different rows of a batch, heads or features drop what one rank would, and a
// block that is computed again drops what it did. There is no training mode: who gives no masks gets no dropout.

import { dropout } from "../ops/dropout.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { philox } from "./philox.ts";

/** Which masks a forward pass draws. The same ones drop the same. */
export interface DropoutMasks {
  /** An integer from 0 to 2^32 - 1. */
  readonly seed: number;
  /** Of training, or anything else that counts forward passes: an integer from 0 to 2^32 - 1. */
  readonly step: number;
  /** Rows of the step's whole batch before the first one here: those of lower ranks, and of micro-batches before. Default: 0. */
  readonly firstRow?: number;
  /** Instead of the probabilities of the model's config, everywhere where it drops: from 0 to below 1. Default: those. */
  readonly probability?: number | undefined;
}

/** What one place drops in one forward pass. */
export interface DrawnMask {
  readonly probability: number;
  readonly key: readonly [number, number];
  readonly firstRow: number;
}

/** Where features of every row lie among those of all ranks. */
export interface PartOfRow {
  /** Features before them. */
  readonly begin: number;
  /** Features of all ranks. */
  readonly count: number;
}

/** A place where a model drops. It has no parameters. */
export class Dropout {
  /** p of the model's config. */
  readonly probability: number;
  /** Another number for every place of a model. */
  readonly site: number;

  /** A place. @throws {RangeError} if the probability is not from 0 to below 1 */
  constructor({ probability, site }: { readonly probability: number; readonly site: number }) {
    checkProbability(probability);
    this.probability = probability;
    this.site = site;
  }

  /** x [B, ...] with elements dropped; x itself without masks, or where none is. `part`: of the last dim of x. */
  apply(x: Tensor, masks: DropoutMasks | undefined, part?: PartOfRow): Tensor;
  apply(x: FloatTensor, masks: DropoutMasks | undefined, part?: PartOfRow): FloatTensor;
  apply(x: FloatTensor, masks: DropoutMasks | undefined, part?: PartOfRow): FloatTensor {
    const drawn = this.draw(masks);
    if (drawn === undefined || x.length === 0) return x;
    const { firstRow, ...dropping } = drawn;
    const cols = x.shape.at(-1)!;
    const { begin, count } = part ?? { begin: 0, count: cols };
    const rowsOfBatch = x.length / cols / x.shape[0];
    return dropout(x, {
      ...dropping,
      rowLength: count,
      firstIndex: firstRow * rowsOfBatch * count + begin,
    });
  }

  /**
   * What is to be dropped here; undefined for nothing.
   *
   * @throws {RangeError} if a number of the masks is out of range
   */
  draw(masks: DropoutMasks | undefined): DrawnMask | undefined {
    if (masks === undefined) return undefined;
    const { seed, step, firstRow = 0, probability = this.probability } = masks;
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
    philox(words, [step, this.site, 0, 0], [seed, DROPOUT]);
    return { probability, firstRow, key: [words[0], words[1]] };
  }
}

function checkProbability(probability: number): void {
  if (probability >= 0 && probability < 1) return;
  throw new RangeError(`Dropout wants a probability from 0 to below 1, got ${probability}`);
}

/** Keeps these keys apart from other draws of the same seed. */
const DROPOUT = 0x64726f70;
