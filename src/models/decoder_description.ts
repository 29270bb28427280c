// What differs between families of decoders: everything else about them is decoder.ts. A family reads its config into one.

import type { Activation } from "./blocks/activations.ts";
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

/** A norm of D features. */
export interface NormDescription {
  /** LayerNorm or RmsNorm. */
  readonly kind: "layer" | "rms";
  /** Added to what the root is taken of. */
  readonly eps: number;
}

/** Attention and MLP, each with its norm. */
export interface BlockDescription {
  /** What looks at other tokens. */
  readonly attention: AttentionDescription;
  /** What looks at another sequence, between the two. Default: nothing does. */
  readonly crossAttention?: AttentionDescription;
  /** What looks at every token alone. */
  readonly mlp: MlpDescription;
  /** In training, how likely features are dropped before they are added to what the part saw. Default: they never are. */
  readonly dropout?: number;
}

/** Attention of a sequence to itself or to another. */
export interface AttentionDescription {
  /** Whether a query sees the keys after it too. Default: causal, it does not. */
  readonly visible?: "causal" | "all";
  /** H: heads of queries. */
  readonly numHeads: number;
  /** Heads of keys and values; H is a multiple of it. */
  readonly numKeyHeads: number;
  /** Features of a head. */
  readonly headWidth: number;
  /** Queries, keys and values from three layers, or from one whose output holds them one after the other. */
  readonly projections: "separate" | "fused";
  /** How weights are stored. */
  readonly storage: "outIn" | "inOut";
  /** Do the layers of queries, keys and values have biases? */
  readonly inputBias: boolean;
  /** Does the output layer have one? */
  readonly outputBias: boolean;
  /** Is there an RMS norm of each head of queries and keys, before they are turned? Its eps. */
  readonly headNormEps: number | undefined;
  /** A query sees its own key and `window` - 1 before it; undefined for all before it. */
  readonly window: number | undefined;
  /** Scores are multiplied by it. */
  readonly scale: number;
  /** Standard deviation of initial weights of the layer of queries. Default: that of the model. */
  readonly queryDeviation?: number;
  /** Standard deviation of initial weights of the output layer. */
  readonly outputDeviation: number;
  /** In training, how likely weights of a softmax are dropped. Default: they never are. */
  readonly dropout?: number;
}

/** Two layers with an activation between; gated: down(activation(gate x) * up x). */
export interface MlpDescription {
  /** Two layers, or three. */
  readonly kind: "plain" | "gated";
  /** Features between. */
  readonly width: number;
  /** f, of every element between. */
  readonly activation: Activation;
  /** Do its layers have biases? */
  readonly bias: boolean;
  /** How weights are stored. */
  readonly storage: "outIn" | "inOut";
  /** Standard deviation of initial weights of the output layer. */
  readonly outputDeviation: number;
  /** In training, how likely features between are dropped. Default: they never are. */
  readonly dropout?: number;
}
