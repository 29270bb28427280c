// The experts of a block divided over ranks, each whole on one of them (expert parallelism; Lepikhin et al. 2020, "GShard"). Every rank
// takes some of the tokens, sends each to the ranks of its experts, and gets their outputs back:
//
//   split       rank r has the tokens n_r of x, which is equal on all ranks
//   all-to-all  a row for each expert of a token, to the rank that has the expert; there sorted by expert, then by token
//   experts     as on one rank
//   all-to-all  back, where each token's weighted sum is made
//   all-gather  y [N, D]
//
// The router decides the same on every rank, so all know how many rows go where, and no row is dropped. Nothing is added between ranks,
// and every sum has the terms of one rank in its order: values and gradients of experts have the bits of one rank.

import type { ProcessGroup } from "../../distributed/group.ts";
import { Layout, type Range, shardRange } from "../../distributed/layout.ts";
import { Module } from "../../nn/module.ts";
import {
  exchangeRows,
  gatherRows,
  type RowCounts,
  splitRows,
} from "../../nn/parallel/row_exchanges.ts";
import { takeShard } from "../../nn/shard_of.ts";
import { asF32 } from "../../ops/cast.ts";
import { indexSelectAt } from "../../ops/index_select.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Activation } from "../blocks/activations.ts";
import { type ExpertStack, mapped, mixed, type RoutedTokens } from "../blocks/expert_stack.ts";

/** A rank's experts of a block. */
export class DividedExperts extends Module<RoutedTokens> {
  /** [E_r, 2 F, D] */
  readonly gateUp: Parameter;
  /** [E_r, D, F] */
  readonly down: Parameter;
  readonly activation: Activation;
  readonly #group: ProcessGroup;
  /** The experts of each rank. */
  readonly #owned: readonly Range[];

  /** Takes this rank's part of whole experts, which must not be used after. @throws {RangeError} if there are fewer than ranks */
  constructor({ gateUp, down, activation }: ExpertStack, group: ProcessGroup) {
    super();
    const split = [{ dim: 0, group }];
    const [numExperts] = down.shape;
    const { matrixShape } = gateUp.layout;
    this.gateUp = takeShard(gateUp, new Layout(gateUp.shape, split, { matrixShape }));
    this.down = takeShard(down, new Layout(down.shape, split));
    this.activation = activation;
    this.#group = group;
    this.#owned = group.ranks.map((_, rank) => shardRange(numExperts, group.size, rank));
  }

  /** x [N, D], equal on every rank, -> [N, D] */
  override async forward({ x, weights, chosen }: RoutedTokens): Promise<Tensor> {
    const group = this.#group;
    const { size, rank } = group;
    const [numTokens, perToken] = weights.shape;
    const tokens = group.ranks.map((_, each) => shardRange(numTokens, size, each));
    const choicesOf = ({ begin, end }: Range) => chosen.subarray(begin * perToken, end * perToken);
    const own = (tensor: Tensor, what: string) =>
      splitRows(tensor, { group, label: `${what} of ${this.gateUp.name}` });
    const routed = {
      x: own(asF32(x), "x"),
      weights: own(weights, "weights"),
      chosen: choicesOf(tokens[rank]),
    };
    const numExperts = this.#owned[size - 1].end;
    // For each rank's tokens, how many have each expert.
    const counts = tokens.map((range) => countsOf(choicesOf(range), numExperts));
    const y = await mixed(routed, numExperts, async (rows) => await this.#map(rows, counts));
    return await gatherRows(y, { group, label: `y of ${this.down.name}`, numRows: numTokens });
  }

  /** This rank's rows, sorted by expert, -> the outputs of their experts. */
  async #map(rows: Tensor, counts: readonly (readonly number[])[]): Promise<Tensor> {
    const group = this.#group;
    const { rank } = group;
    const between = (from: number, to: number) => {
      const { begin, end } = this.#owned[to];
      return counts[from].slice(begin, end).reduce((sum, count) => sum + count, 0);
    };
    const there: RowCounts = {
      sent: group.ranks.map((_, to) => between(rank, to)),
      received: group.ranks.map((_, from) => between(from, rank)),
    };
    const back: RowCounts = { sent: there.received, received: there.sent };
    const arrived = await exchangeRows(rows, {
      group,
      label: `rows of ${this.gateUp.name}`,
      ...there,
    });
    const { begin, end } = this.#owned[rank];
    const { order, numRows } = byExpert(counts.map((each) => each.slice(begin, end)));
    const outputs = await mapped(indexSelectAt(arrived, order), numRows, this);
    const places = new Uint32Array(order.length);
    for (const [at, place] of order.entries()) places[place] = at;
    const label = `outputs of ${this.down.name}`;
    return await exchangeRows(indexSelectAt(outputs, places), { group, label, ...back });
  }
}

/** How many times each expert was chosen. */
function countsOf(chosen: Uint32Array, numExperts: number): readonly number[] {
  const counts = new Array<number>(numExperts).fill(0);
  for (const expert of chosen) counts[expert]++;
  return counts;
}

/** Rows that came from one rank after the other, each sorted by expert, in the order of experts, and how many each expert has. */
function byExpert(
  counts: readonly (readonly number[])[],
): { readonly order: Uint32Array; readonly numRows: readonly number[] } {
  const numRows = counts[0].map((_, e) => counts.reduce((sum, each) => sum + each[e], 0));
  const order = new Uint32Array(numRows.reduce((sum, count) => sum + count, 0));
  const next = numRows.map((_, e) => numRows.slice(0, e).reduce((sum, count) => sum + count, 0));
  let place = 0;
  for (const each of counts) {
    for (const [e, count] of each.entries()) {
      for (let i = 0; i < count; i++) order[next[e]++] = place++;
    }
  }
  return { order, numRows };
}
