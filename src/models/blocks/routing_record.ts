// What the routers of a model decided in one forward pass: how many tokens each expert had, and the loss that keeps experts in use.

import type { ProcessGroup } from "../../distributed/group.ts";
import { add } from "../../ops/add.ts";
import { mul } from "../../ops/mul.ts";
import { scale } from "../../ops/scale.ts";
import { sum } from "../../ops/sum.ts";
import { Tensor } from "../../tensor/tensor.ts";

/**
 * The decisions of one block.
 *
 * @category Models
 */
export interface BlockRouting {
  /** [N, E] */
  readonly scores: Tensor;
  /** [N, k] */
  readonly chosen: Uint32Array;
}

/**
 * Options of {@linkcode RoutingRecord.balanceLoss}.
 *
 * @category Models
 */
export interface BalanceLossOptions {
  /** [B, T], 0 for padding, which does not count. Default: all tokens count. */
  readonly mask?: Tensor<"u32"> | undefined;
  /**
   * Ranks that have other parts of the batch, all of which call together: choices are counted over all of it, and the mean over the
   * ranks, by their numbers of tokens, is the loss of the whole batch. Default: this rank alone.
   */
  readonly group?: ProcessGroup | undefined;
}

/**
 * Records which experts the blocks of a model choose, for a forward pass that it is given to.
 *
 * @example
 * ```ts
 * import { Decoder, newModel, RandomSource, requestDevice, RoutingRecord, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const sizes = { vocab_size: 16, hidden_size: 8, intermediate_size: 4, num_hidden_layers: 1 };
 * const heads = { num_attention_heads: 2, num_key_value_heads: 1 };
 * const config = { model_type: "mixtral", ...sizes, ...heads, num_local_experts: 4 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * using tokens = Tensor.from(device, [3, 5, 2, 7], { shape: [1, 4], dtype: "u32" });
 * const routing = new RoutingRecord();
 * using logits = await model.forward({ tokens, routing });
 * console.log(routing.tokensPerExpert); // one block: 8 choices of 4 experts
 * ```
 *
 * @category Models
 */
export class RoutingRecord {
  /** By the block's module, as recomputed blocks decide twice. */
  readonly #blocks = new Map<object, BlockRouting>();

  /** Adds the decisions of one block, or replaces them. */
  add(block: object, routing: BlockRouting): void {
    this.#blocks.set(block, routing);
  }

  /** For each block with experts, in order, how many tokens each expert has, padding included. */
  get tokensPerExpert(): readonly (readonly number[])[] {
    return [...this.#blocks.values()].map(({ scores, chosen }) => {
      const counts = new Array<number>(scores.shape[1]).fill(0);
      for (const expert of chosen) counts[expert]++;
      return counts;
    });
  }

  /**
   * E sum_e f_e P_e over all blocks' tokens together: f_e is the number of times that expert e was chosen, P_e its mean score; both per
   * token. It is the smaller the more evenly experts are used (Fedus et al. 2021, "Switch transformers", equations 4 to 6), as
   * transformers' `load_balancing_loss_func` has it. A tensor of shape [], for `add(loss, scale(await routing.balanceLoss(), coefficient))`.
   *
   * @throws {TypeError} if no block has experts, or their scores were not kept, as in recomputed blocks and with a cache.
   * @throws {RangeError} if the mask does not have a number for every token.
   */
  async balanceLoss({ mask, group }: BalanceLossOptions = {}): Promise<Tensor> {
    const blocks = [...this.#blocks.values()];
    if (blocks.length === 0) {
      throw new TypeError(
        "No block recorded its experts: give the record to forward(), of a model that has experts",
      );
    }
    const kept = mask?.indices;
    const [{ scores: { shape: [numTokens, numExperts] } }] = blocks;
    if (kept !== undefined && kept.length !== numTokens) {
      throw new RangeError(`Wanted a mask of ${numTokens} tokens, got one of ${kept.length}`);
    }
    const perBlock = kept === undefined
      ? numTokens
      : kept.reduce((total, isReal) => total + isReal, 0);
    const ownRows = blocks.length * perBlock;
    const choices = new Float64Array(numExperts + 1);
    for (const { chosen } of blocks) {
      const perToken = chosen.length / numTokens;
      for (const [at, expert] of chosen.entries()) {
        if (kept?.[Math.floor(at / perToken)] !== 0) choices[expert]++;
      }
    }
    choices[numExperts] = ownRows;
    await group?.allReduce(choices, { label: "choices of experts" });
    // The scores' factors; choices have no gradient.
    const factors = Float32Array.from({ length: numTokens * numExperts }, (_, at) => {
      const isReal = kept?.[Math.floor(at / numExperts)] ?? 1;
      return isReal * choices[at % numExperts] / choices[numExperts];
    });
    const weights = Tensor.from(blocks[0].scores.device, factors, {
      shape: [numTokens, numExperts],
    });
    const sums = blocks.map(({ scores }) => sum(mul(requireKept(scores), weights)));
    return scale(sums.reduce((total, each) => add(total, each)), numExperts / ownRows);
  }
}

function requireKept(scores: Tensor): Tensor {
  try {
    scores.checkUsable();
  } catch (error) {
    throw new TypeError(
      "The scores of experts were not kept: compute the loss of balance before backward, without a cache, and with model.recompute " +
        '"nothing"',
      { cause: error },
    );
  }
  return scores;
}
