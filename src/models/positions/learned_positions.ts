// x [B, T, D] + table[offset + position, :],  table [offset + N, D]        N positions
//
// The table is learned, or holds sinusoids (Vaswani et al. 2017), which are saved with a model but not trained.
//
// Positions are 0, 1, 2 ..., including padding; or, as in OPT, real tokens are counted, and padding has position -1:
//
//   position_t = mask_t (mask_0 + ... + mask_t) - 1

import type { LayerMaker } from "../../nn/layer_maker.ts";
import { Module } from "../../nn/module.ts";
import { add } from "../../ops/add.ts";
import { embeddingAt } from "../../ops/embedding.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { sinusoids } from "./sinusoids.ts";

/**
 * Input of {@linkcode LearnedPositions}.
 *
 * @category Models
 */
export interface PositionedInput {
  /** [B, T, D] */
  readonly x: Tensor;
  /** [B, T], 1 for real tokens and 0 for padding. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** The position of each token of [B, T], where they are not those of a text from its first token on. */
  readonly at?: Uint32Array | undefined;
}

/** Options of {@linkcode LearnedPositions}. */
export interface LearnedPositionsOptions {
  /** D */
  readonly width: number;
  /** N */
  readonly count: number;
  /** Rows before that of position 0. */
  readonly offset: number;
  /** Whether positions count all tokens, or real tokens only. */
  readonly counted: "all" | "real";
  /** Whether the table holds sinusoids, and is not trained. Default: false. */
  readonly isSinusoidal?: boolean;
}

/**
 * Adds a row of features for every position.
 *
 * @category Models
 */
export class LearnedPositions extends Module<PositionedInput> {
  /** [offset + N, D] */
  readonly weight: Parameter;
  readonly #options: LearnedPositionsOptions;

  /** A table with a row per position. */
  constructor(make: LayerMaker, options: LearnedPositionsOptions) {
    super();
    const { width, count, offset, isSinusoidal = false } = options;
    this.weight = make.parameter("weight", {
      shape: [offset + count, width],
      initial: isSinusoidal
        ? { values: sinusoids(offset + count, width) }
        : { deviation: make.deviation },
      isBuffer: isSinusoidal,
    });
    this.#options = options;
  }

  /** x [B, T, D] with positions added. @throws {RangeError} if a position is not under N */
  override forward({ x, mask, at: positions }: PositionedInput): Promise<Tensor> {
    return Promise.try(() => {
      const [batch, length] = x.shape;
      const { count, offset, counted } = this.#options;
      const longest = positions?.reduce((most, each) => Math.max(most, each + 1), 0) ?? length;
      if (longest > count) {
        throw new RangeError(`The model has ${count} positions, got a text of ${longest} tokens`);
      }
      if (positions !== undefined) {
        const rows = positions.map((position) => offset + position);
        return add(x, embeddingAt(this.weight, rows, { shape: [batch, length] }));
      }
      const real = counted === "real" ? mask?.indices : undefined;
      const rows = new Uint32Array(batch * length);
      for (let b = 0; b < batch; b++) {
        let seen = 0;
        for (let t = 0; t < length; t++) {
          const at = b * length + t;
          if (real?.[at] !== 0) seen++;
          rows[at] = offset + (real?.[at] === 0 ? 0 : seen) - 1;
        }
      }
      return add(x, embeddingAt(this.weight, rows, { shape: [batch, length] }));
    });
  }
}
