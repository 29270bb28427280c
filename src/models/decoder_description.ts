// What differs between families of decoders: everything else about them is decoder.ts. A family reads its config into one.

import type { BlockDescription, NormDescription } from "./blocks/block_description.ts";
import type { RotarySettings } from "./positions/rotary_frequencies.ts";

/** A decoder. V tokens, D features, E features of an embedding. */
export interface DecoderDescription {
  /** The vocabulary. */
  readonly tokens: TokenDescription;
  /** D: features between blocks. */
  readonly width: number;
  /** How it knows where a token stands. */
  readonly positions: PositionDescription;
  /** Every norm of D features. */
  readonly norm: NormDescription;
  /** Where a block's norms stand: before attention and MLP, or after what they were added to. */
  readonly normPlace: "before" | "after";
  /** Is there a norm after the last block? */
  readonly finalNorm: boolean;
  /** How many blocks there are. */
  readonly numBlocks: number;
  /** The block number `index`, from 0. */
  readonly block: (index: number) => BlockDescription;
  /** Whether the head's weight is the embedding. */
  readonly tied: boolean;
  /** Standard deviation of initial weights. */
  readonly deviation: number;
  /** In training, how likely features of the first block's input are dropped. Default: they never are. */
  readonly dropout?: number;
}

/** The vocabulary. */
export interface TokenDescription {
  /** V */
  readonly count: number;
  /** E: where it is not D, embeddings are projected to D, and before the head back to E. */
  readonly width: number;
  /** The token whose lookup gives no gradient. */
  readonly padding: number | undefined;
}

/** How a decoder knows where a token stands. */
export type PositionDescription =
  | {
    /** A table of a row per position is added to embeddings. */
    readonly kind: "learned";
    readonly count: number;
    /** Rows of the table before that of position 0. */
    readonly offset: number;
    /** Positions are 0, 1, 2 ... or count real tokens only, and those that are not real stand at -1. */
    readonly counted: "all" | "real";
  }
  | {
    /** Queries and keys are turned. */
    readonly kind: "rotary";
    readonly settings: RotarySettings;
  };
