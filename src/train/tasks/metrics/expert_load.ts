// How evenly experts are used: the tokens of the busiest expert of all blocks, as a multiple of the mean of its block.
//
//   expertLoad = max over blocks and experts of E count_e / sum_e count_e        1 if all have equally many, E / k if all choose the same k

import { Experts } from "../../../models/blocks/experts.ts";
import { RoutingRecord } from "../../../models/blocks/routing_record.ts";
import type { Decoder } from "../../../models/decoder.ts";

/** Counts the tokens of experts in evaluations. */
export class ExpertLoad {
  /** E of each block that has experts. */
  readonly #counts: readonly number[];

  /** The counts of one model. */
  constructor(model: Decoder) {
    this.#counts = model.modules().flatMap((each) =>
      each instanceof Experts ? [each.description.count] : []
    );
  }

  /** A record for a forward pass; undefined if the model has no experts. */
  record(): RoutingRecord | undefined {
    return this.#counts.length === 0 ? undefined : new RoutingRecord();
  }

  /** The counts of a record, to be added up over batches and ranks. */
  sumsOf(routing: RoutingRecord | undefined): number[] {
    return routing?.tokensPerExpert.flat() ?? [];
  }

  /** The metric of sums; none if the model has no experts. */
  metrics(sums: readonly number[]): Readonly<Record<string, number>> {
    if (this.#counts.length === 0) return {};
    let begin = 0;
    const loads = this.#counts.map((count) => {
      const own = sums.slice(begin, begin + count);
      begin += count;
      return count * Math.max(...own) / own.reduce((total, each) => total + each, 0);
    });
    return { expertLoad: Math.max(...loads) };
  }
}
