// The configuration of a block: all that differs between models, which families make from config.json.

import type { Activation } from "./activations.ts";

/**
 * A norm of D features.
 *
 * @category Models
 */
export interface NormDescription {
  /** LayerNorm or RmsNorm. */
  readonly kind: "layer" | "rms";
  /** Added under the square root. */
  readonly eps: number;
  /** Whether a layer norm has a bias. Default: true. */
  readonly bias?: boolean;
  /** Added to every weight of an RMS norm: 1 in Gemma, whose weights begin at 0. Default: 0. */
  readonly offset?: number;
}

/**
 * A norm of queries or keys of H heads of F features.
 *
 * @category Models
 */
export interface HeadNormDescription extends NormDescription {
  /**
   * Whether each head is normalized, with one weight [F] for all ("alike") or, in a layer norm without bias, with one of its own, [H, F]
   * ("apart"); or the features of all heads together, with a weight [H F] ("together"). Default: "alike".
   */
  readonly heads?: "alike" | "apart" | "together";
}

/**
 * Where the norms of a block are: before each part, x + part(norm x); after the residual sums, norm(x + part x); on both sides of each
 * part, x + norm'(part(norm x)); or on the outputs of the parts, x + norm(part x).
 *
 * @category Models
 */
export type NormPlace = "before" | "after" | "both" | "output";

/**
 * The configuration of attention and MLP.
 *
 * @category Models
 */
export interface BlockDescription {
  /** Self-attention. */
  readonly attention: AttentionDescription | LatentAttentionDescription;
  /** Cross-attention, between self-attention and MLP. Default: there is none. */
  readonly crossAttention?: AttentionDescription;
  /** The MLP, or experts. */
  readonly mlp: MlpDescription | ExpertsDescription;
  /**
   * Whether the MLP reads the block's input beside attention, x + attention(norm x) + mlp(norm' x), with the same norm or one of its own;
   * for norms that come before. Default: it reads the sum after attention.
   */
  readonly parallel?: "sharedNorm" | "ownNorm" | undefined;
  /** Whether attention has a norm; without one, norms being before, it reads x as it is. Default: true. */
  readonly attentionIsNormed?: boolean;
  /** Factor of each part's output. Default: 1. */
  readonly residualScale?: number;
  /** The initial value of a learned factor of each feature of each part's output (layer scale). Default: there are none. */
  readonly layerScale?: number;
  /** In training, the probability of dropping features of each part's output. Default: no dropout. */
  readonly dropout?: number;
  /** Whether features of the MLP's output are dropped, too. Default: true. */
  readonly mlpIsDropped?: boolean;
}

/**
 * The configuration of attention.
 *
 * @category Models
 */
export interface AttentionDescription {
  /** Whether a query also attends to the keys after it. Default: causal, it does not. */
  readonly visible?: "causal" | "all";
  /** H: heads of queries. */
  readonly numHeads: number;
  /** K: heads of keys and values, a divisor of H. */
  readonly numKeyHeads: number;
  /** Features of a head. */
  readonly headWidth: number;
  /**
   * Whether queries, keys and values come from three layers, or from one that computes all three: all queries, all keys, all values
   * ("fused"); or for each head of keys its queries, the key and the value ("fusedByKeyHead").
   */
  readonly projections: "separate" | "fused" | "fusedByKeyHead";
  /** Layout of the weights: [out, in] or [in, out]. */
  readonly storage: "outIn" | "inOut";
  /** Whether the layers of queries, keys and values have biases. */
  readonly inputBias: boolean;
  /** Whether the layer of keys has a bias, if it is a layer of its own. Default: as the others have. */
  readonly keyBias?: boolean;
  /** Whether the output layer has a bias. */
  readonly outputBias: boolean;
  /** The norm of queries and of keys, before they are rotated. Default: there is none. */
  readonly headNorm?: HeadNormDescription | undefined;
  /** A query attends to its own key and to those less than `window` from it; undefined for all. */
  readonly window: number | undefined;
  /** Features of an encoder's output, for cross-attention. Default: D. */
  readonly sourceWidth?: number;
  /** Factor of scores. */
  readonly scale: number;
  /** c, where scores are c tanh(score / c). Default: they are as they are. */
  readonly softCap?: number | undefined;
  /** If positions are rotary, the features of a pair: i and i + R / 2 of the R that are rotated, or neighbours. Default: "halves". */
  readonly rotaryPairs?: "halves" | "neighbours";
  /** If positions are rotary, whether queries and keys of this block are rotated. Default: true. */
  readonly isRotated?: boolean;
  /** If positions are rotary, which of the model's settings this block has. Default: "global". */
  readonly rotarySettings?: "global" | "local";
  /**
   * If positions are ALiBi's, how slope times position is added to q . k: after that was scaled, or before and rounded to bf16, as slopes
   * and positions are (Falcon). Default: "scaled".
   */
  readonly alibi?: "scaled" | "bf16";
  /** If the tokens are the places of a grid, its size, windows and relative positions. Default: they are a sequence. */
  readonly grid?: GridDescription | undefined;
  /** Standard deviation of initial weights of the layer of queries. Default: that of the model. */
  readonly queryDeviation?: number;
  /** Standard deviation of initial weights of the output layer. */
  readonly outputDeviation: number;
  /** In training, the probability of dropping weights of the softmax. Default: no dropout. */
  readonly dropout?: number;
}

/**
 * Tokens that are the places of a grid, row by row, such as patches of an image.
 *
 * @category Models
 */
export interface GridDescription {
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. */
  readonly columns: number;
  /** Rows and columns of the windows within which tokens attend to one another; undefined if they attend to the whole grid. */
  readonly window: number | undefined;
  /** Whether scores have learned biases of the rows and columns between query and key. */
  readonly relativePositions: boolean;
}

/**
 * The configuration of latent attention, which is causal and rotates queries and keys.
 *
 * @category Models
 */
export interface LatentAttentionDescription {
  /** Keys and values are computed from compressed ones. */
  readonly projections: "latent";
  /** H: heads of queries, keys and values. */
  readonly numHeads: number;
  /** Features of compressed queries; undefined if queries are computed from x itself. */
  readonly queryRank: number | undefined;
  /** R: features of compressed keys and values. */
  readonly rank: number;
  /** N: features of a head of queries and keys that are not rotated, before those that are. */
  readonly plainWidth: number;
  /** P: features of a head of queries and keys that are rotated; for keys, the same in all heads. */
  readonly rotatedWidth: number;
  /** V: features of a head of values. */
  readonly valueWidth: number;
  /** Added under the square root of the norms of compressed features. */
  readonly normEps: number;
  /** Whether the layers that compress have biases. */
  readonly downBias: boolean;
  /** Whether the output layer has a bias. */
  readonly outputBias: boolean;
  /** Factor of scores. */
  readonly scale: number;
  /** The features of a pair that is rotated: i and i + P / 2, or neighbours. */
  readonly rotaryPairs: "halves" | "neighbours";
  /** Standard deviation of initial weights of the output layer. */
  readonly outputDeviation: number;
  /** In training, the probability of dropping weights of the softmax. Default: no dropout. */
  readonly dropout?: number;
}

/**
 * The configuration of an MLP: two layers with an activation, or gated: down(activation(gate x) * up x).
 *
 * @category Models
 */
export interface MlpDescription {
  /** Two layers, or three. */
  readonly kind: "plain" | "gated";
  /** Number of hidden features. */
  readonly width: number;
  /** f, of every hidden element. */
  readonly activation: Activation;
  /** If it is gated, whether one layer computes gate and up, in this order. Default: two layers. */
  readonly fusedGate?: boolean;
  /** Whether its layers have biases. */
  readonly bias: boolean;
  /** Layout of the weights: [out, in] or [in, out]. */
  readonly storage: "outIn" | "inOut";
  /** Standard deviation of initial weights of the output layer. */
  readonly outputDeviation: number;
  /** In training, the probability of dropping hidden features. Default: no dropout. */
  readonly dropout?: number;
}

/**
 * The configuration of a mixture of experts: E gated MLPs without biases, of which each token has a few, weighted by a router, and
 * perhaps one that all tokens have.
 *
 * @category Models
 */
export interface ExpertsDescription {
  /** Not a single MLP. */
  readonly kind: "experts";
  /** E */
  readonly count: number;
  /** F: hidden features of each. */
  readonly width: number;
  /** f, of every hidden element of a gate. */
  readonly activation: Activation;
  /** Which experts a token has, and their weights. */
  readonly routing: RoutingDescription;
  /** Hidden features of an MLP, of the same kind, that all tokens have too. Default: there is none. */
  readonly sharedWidth?: number;
  /** Standard deviation of initial weights of the output layers. */
  readonly outputDeviation: number;
}

/**
 * How a router chooses experts for a token: those with the highest scores, of equal ones the first.
 *
 * @category Models
 */
export interface RoutingDescription {
  /** k: experts of each token. */
  readonly numChosen: number;
  /** Scores of the router's outputs: softmax over all experts, or the logistic function of each. */
  readonly scores: "softmax" | "sigmoid";
  /** Whether the weights of a token's experts, which are their scores, are divided by their sum. */
  readonly isNormalized: boolean;
  /** Factor of the weights. Default: 1. */
  readonly factor?: number;
  /**
   * Whether a bias, which no gradient trains, is added to scores to choose experts; weights are scores without it (Wang et al. 2024,
   * "Auxiliary-loss-free load balancing"). Default: false.
   */
  readonly correctionBias?: boolean;
  /**
   * Experts in groups of equal length, of which a token's experts are in `numChosen` only: those with the largest sums of their
   * `numHighest` highest scores, 1 or 2 (DeepSeek-V2 and V3, 2024). Default: any.
   */
  readonly groups?: {
    readonly count: number;
    readonly numChosen: number;
    readonly numHighest: number;
  };
  /** Whether the router's weight is stored in f32, whatever the type of the model. Default: false. */
  readonly isF32?: boolean;
}
