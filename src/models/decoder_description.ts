// The configuration of a decoder: all that differs between families, which make it from config.json.

import type { BlockDescription, NormDescription, NormPlace } from "./blocks/block_description.ts";
import type { RotaryByLayer } from "./positions/rotary_by_layer.ts";

/**
 * The configuration of a decoder: V tokens, D features, E features of an embedding.
 *
 * @category Models
 */
export interface DecoderDescription {
  /** The vocabulary. */
  readonly tokens: TokenDescription;
  /** D: features between blocks. */
  readonly width: number;
  /** How positions are encoded. */
  readonly positions: PositionDescription;
  /** Every norm of D features. */
  readonly norm: NormDescription;
  /** Where a block's norms are. */
  readonly normPlace: NormPlace;
  /** Whether there is a norm after the last block. */
  readonly finalNorm: boolean;
  /** Number of blocks. */
  readonly numBlocks: number;
  /** The configuration of block `index`, from 0. */
  readonly block: (index: number) => BlockDescription;
  /** Whether there is a norm of the embeddings. Default: false. */
  readonly embeddingNorm?: boolean;
  /** Whether the head's weight is the token table. */
  readonly tied: boolean;
  /** Whether the head has a bias. Default: false. */
  readonly headBias?: boolean;
  /** Factor of logits. Default: 1. */
  readonly logitScale?: number | undefined;
  /** c, where logits are c tanh(logit / c). Default: they are as they are. */
  readonly logitCap?: number | undefined;
  /** Factor of the loss of balance of experts, which training adds to its own. Default: there is none. */
  readonly balanceLoss?: number;
  /** Standard deviation of initial weights. */
  readonly deviation: number;
  /** In training, the probability of dropping features of the first block's input. Default: no dropout. */
  readonly dropout?: number;
}

/**
 * The vocabulary.
 *
 * @category Models
 */
export interface TokenDescription {
  /** V */
  readonly count: number;
  /** E: if it is not D, embeddings are projected to D, and back to E before the head. */
  readonly width: number;
  /** The padding token, whose embedding gets no gradient. */
  readonly padding: number | undefined;
  /**
   * Factor of the rows of the table, rounded to the type in which it is stored, or of all embeddings, those that are given in the place of
   * tokens included. Default: 1.
   */
  readonly scale?: { readonly factor: number; readonly of: "table" | "embeddings" } | undefined;
}

/**
 * How positions are encoded.
 *
 * @category Models
 */
export type PositionDescription =
  | {
    /** A table with a row per position, which is added to embeddings. */
    readonly kind: "learned";
    readonly count: number;
    /** Rows of the table before that of position 0. */
    readonly offset: number;
    /** Positions count all tokens, or real tokens only; then padding has position -1. */
    readonly counted: "all" | "real";
  }
  | (RotaryByLayer & {
    /** Queries and keys are rotated. */
    readonly kind: "rotary";
  })
  | {
    /** Scores decrease with distance: `alibi` of attention. Positions count real tokens only. */
    readonly kind: "alibi";
  };
