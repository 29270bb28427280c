// The experts of a block as two stacks of matrices: token rows are sorted by expert, every group is mapped by its expert's matrices, and
// each token gets the weighted sum of its experts' outputs. No expert has a limit of tokens, so none is dropped.
//
//   h = f(x[t] G[e]^T) * x[t] U[e]^T,   o[t, j] = h D[e]^T     for the j-th expert e of token t
//   y[t] = sum_j weights[t, j] o[t, j]                         G U [E, 2 F, D], gate above up, and D [E, D, F]
//
// Every product is of one expert's rows in the order of tokens, and sums run over j: the bits of a token's output depend on no other token.

import type { LayerMaker } from "../../nn/layer_maker.ts";
import { Module } from "../../nn/module.ts";
import { batchedMatmul } from "../../ops/batched_matmul.ts";
import { groupedLinear } from "../../ops/grouped_linear.ts";
import { indexSelectAt, placesOf } from "../../ops/index_select.ts";
import { mul } from "../../ops/mul.ts";
import { reshape } from "../../ops/reshape.ts";
import { slice } from "../../ops/slice.ts";
import { yieldIfDue } from "../../tensor/event_loop.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { recompute } from "../../tensor/recompute.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import type { Activation } from "./activations.ts";

/**
 * Tokens with their experts.
 *
 * @category Models
 */
export interface RoutedTokens {
  /** [N, D] */
  readonly x: FloatTensor;
  /** [N, k], the weights of each token's experts. */
  readonly weights: Tensor;
  /** [N, k], the experts of each token. */
  readonly chosen: Uint32Array;
}

/** The parameters of E experts, and what they compute. */
export interface ExpertMatrices {
  /** [E, 2 F, D], or [E, 2, F, D]. */
  readonly gateUp: Parameter;
  /** [E, D, F] */
  readonly down: Parameter;
  readonly activation: Activation;
}

/**
 * All experts of a block, whole.
 *
 * @category Models
 */
export class ExpertStack extends Module<RoutedTokens> {
  /** [E, 2 F, D]: the gate and up layers of each expert. */
  readonly gateUp: Parameter;
  /** [E, D, F]: their output layers. */
  readonly down: Parameter;
  /** f */
  readonly activation: Activation;

  /** E experts with F hidden features, for blocks of D features. */
  constructor(make: LayerMaker, { width, count, inner, activation, outputDeviation }: {
    readonly width: number;
    readonly count: number;
    readonly inner: number;
    readonly activation: Activation;
    readonly outputDeviation: number;
  }) {
    super();
    this.gateUp = make.parameter("gateUp", {
      shape: [count, 2 * inner, width],
      matrixShape: [count, 2, inner, width],
      initial: { deviation: make.deviation },
    });
    this.down = make.parameter("down", {
      shape: [count, width, inner],
      initial: { deviation: outputDeviation },
    });
    this.activation = activation;
  }

  /** x [N, D] -> [N, D] */
  override async forward(routed: RoutedTokens): Promise<Tensor> {
    return await mixed(routed, this.down.shape[0], (rows, counts) => mapped(rows, counts, this));
  }
}

/**
 * The weighted sum of what `map` makes of each token for each of its experts; `map` gets rows sorted by expert, and how many each of
 * `numExperts` has.
 */
export async function mixed(
  { x, weights, chosen }: RoutedTokens,
  numExperts: number,
  map: (rows: Tensor, counts: readonly number[]) => Promise<Tensor>,
): Promise<Tensor> {
  const [numTokens, perToken] = weights.shape;
  const { starts, sources } = placesOf(chosen, numExperts);
  const counts = Array.from({ length: numExperts }, (_, e) => starts[e + 1] - starts[e]);
  const rows = indexSelectAt(x, sources.map((place) => Math.floor(place / perToken)));
  const outputs = await map(rows, counts);
  const places = new Uint32Array(sources.length);
  for (const [row, place] of sources.entries()) places[place] = row;
  const byToken = reshape(indexSelectAt(outputs, places), [numTokens, perToken, x.shape[1]]);
  const sums = batchedMatmul(reshape(weights, [numTokens, 1, perToken]), byToken);
  return reshape(sums, [numTokens, x.shape[1]]);
}

/** Rows sorted by expert, [n, D] -> [n, D]. */
export async function mapped(
  rows: Tensor,
  counts: readonly number[],
  { gateUp, down, activation }: ExpertMatrices,
): Promise<Tensor> {
  const [numExperts, width] = down.shape;
  const inner = down.shape[2];
  const matrices = gateUp.shape.length === 3
    ? gateUp
    : reshape(gateUp, [numExperts, 2 * inner, width]);
  const both = groupedLinear(rows, matrices, { counts });
  await yieldIfDue();
  const gate = slice(both, { dim: 1, begin: 0, end: inner });
  const up = slice(both, { dim: 1, begin: inner, end: 2 * inner });
  const hidden = await recompute(() => Promise.resolve(mul(activation(gate), up)));
  const outputs = groupedLinear(hidden, down, { counts });
  await yieldIfDue();
  return outputs;
}
