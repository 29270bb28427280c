// What differs between blocks of different models. A family reads its config into one.

import type { Activation } from "./activations.ts";

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
