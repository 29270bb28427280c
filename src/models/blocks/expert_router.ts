// Which experts a token has, and with what weights, from its features:
//
//   scores  = softmax(x W^T)                                              [N, E]
//   choice  = scores + bias; in groups, only those of the best groups, by the sums of their highest
//   chosen  = the k highest of choice, of equal ones the first            [N, k]
//   weights = scores of the chosen, divided by their sum, times a factor  [N, k]
//
// Only weights have a gradient. Decisions are made on the host's knowledge of the device's numbers, equal on every rank that has the same
// features.

import type { LayerMaker } from "../../nn/layer_maker.ts";
import { type Layer, Module } from "../../nn/module.ts";
import { addBias } from "../../ops/add_bias.ts";
import { asF32 } from "../../ops/cast.ts";
import { sigmoid } from "../../ops/elementary.ts";
import { indexSelectAt } from "../../ops/index_select.ts";
import { normalizeSums } from "../../ops/normalize_sums.ts";
import { scale } from "../../ops/scale.ts";
import { softmax } from "../../ops/softmax.ts";
import { gatherAt } from "../../ops/gather.ts";
import { topIndices } from "../../ops/top_k.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { type FloatTensor, Tensor } from "../../tensor/tensor.ts";
import type { RoutingDescription } from "./block_description.ts";

/**
 * What a router decides for N tokens.
 *
 * @category Models
 */
export interface Routing {
  /** [N, E], of the graph of `weights`. */
  readonly scores: Tensor;
  /** [N, k], by falling score. */
  readonly chosen: Uint32Array;
  /** [N, k] */
  readonly weights: Tensor;
}

/**
 * Chooses experts for tokens.
 *
 * @category Models
 */
export class ExpertRouter extends Module<FloatTensor> {
  /** D -> E scores. */
  readonly gate: Layer;
  /** [E], a buffer: added to scores to choose experts. */
  readonly correctionBias?: Parameter;
  readonly #routing: RoutingDescription;
  readonly #count: number;

  /** A router to `count` experts, for blocks of D features. */
  constructor(make: LayerMaker, { width, count, routing }: {
    readonly width: number;
    readonly count: number;
    readonly routing: RoutingDescription;
  }) {
    super();
    this.gate = make.linear("gate", {
      inFeatures: width,
      outFeatures: count,
      bias: false,
      ...(routing.isF32 ? { dtype: "f32" } : {}),
    });
    if (routing.correctionBias) {
      this.correctionBias = make.parameter("correctionBias", {
        shape: [count],
        initial: { every: 0 },
        dtype: "f32",
        isBuffer: true,
      });
    }
    this.#routing = routing;
    this.#count = count;
  }

  /** x [N, D] -> scores [N, E] */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const logits = asF32(await this.gate.forward(x));
    return this.#routing.scores === "softmax" ? softmax(logits) : sigmoid(logits);
  }

  /** The experts of each token x [N, D]. */
  async route(x: FloatTensor): Promise<Routing> {
    const { numChosen, isNormalized, factor } = this.#routing;
    const scores = await this.forward(x);
    const chosen = await this.#choose(scores);
    const shape = [scores.shape[0], numChosen];
    let weights = gatherAt(scores, chosen, { shape });
    if (isNormalized) weights = normalizeSums(weights, { eps: SMALLEST_SUM });
    if (factor !== undefined) weights = scale(weights, factor);
    return { scores, chosen, weights };
  }

  /** [N, k]; records no gradient. */
  async #choose(scores: Tensor): Promise<Uint32Array> {
    const { numChosen, groups } = this.#routing;
    using scope = new DisposableStack();
    // A leaf, so that nothing below is in a graph.
    const plain = scores.alias(scores.shape);
    const choice = this.correctionBias === undefined
      ? plain
      : scope.use(addBias(plain, this.correctionBias));
    if (groups === undefined) return await topIndices(choice, { count: numChosen });
    const [numTokens] = scores.shape;
    const length = this.#count / groups.count;
    const byGroup = choice.alias([numTokens * groups.count, length]);
    const best = await bestGroups(byGroup, { numTokens, ...groups });
    const rows = best.map((group, at) => Math.floor(at / groups.numChosen) * groups.count + group);
    const left = scope.use(indexSelectAt(byGroup, rows));
    const among = left.alias([numTokens, groups.numChosen * length]);
    const chosen = await topIndices(among, { count: numChosen });
    return chosen.map((index, at) => {
      const token = Math.floor(at / numChosen);
      const group = best[token * groups.numChosen + Math.floor(index / length)];
      return group * length + index % length;
    });
  }
}

/** The groups that each token's experts may be in, in their order [N, numChosen], by the sums of the highest scores of each. */
async function bestGroups(
  byGroup: Tensor,
  { numTokens, count, numChosen, numHighest }: {
    readonly numTokens: number;
    readonly count: number;
    readonly numChosen: number;
    readonly numHighest: number;
  },
): Promise<Uint32Array> {
  const { device } = byGroup;
  const numGroups = numTokens * count;
  using highest = gatherAt(byGroup, await topIndices(byGroup, { count: numHighest }), {
    shape: [numGroups, numHighest],
  });
  using sums = Tensor.empty(device, [numTokens, count]);
  device.run("row_sums", { x: highest.buffer, out: sums.buffer }, {
    rows: numGroups,
    cols: numHighest,
    accumulate: 0,
  });
  const best = await topIndices(sums, { count: numChosen });
  // In the order of experts, so that of equal scores the first expert's comes first.
  for (let at = 0; at < best.length; at += numChosen) best.subarray(at, at + numChosen).sort();
  return best;
}

/** Added to sums of weights, as transformers does, so that scores of 0 give weights of 0; no other sum changes. */
const SMALLEST_SUM = 1e-20;
