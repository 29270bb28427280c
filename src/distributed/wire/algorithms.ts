// The algorithms of the collective engine, read from its table (rust_collectives/src/algorithm.rs): names, numbers on the
// wire, and what callers need to know of each. No algorithm is named here.

import {
  algorithm_name,
  algorithm_passes_partial_sums,
  algorithm_runs,
  algorithm_sends,
} from "../../../rust_collectives/pkg/rust_collectives.js";
import { type Op, OPS } from "./call_kind.ts";

/** One algorithm. */
export interface Algorithm {
  /** As in tables of algorithms and in error messages. */
  readonly name: string;
  /** The collectives that it can run. */
  readonly collectives: readonly Op[];
  /**
   * True if partial sums travel from rank to rank: 16-bit floats would be rounded at every hop, and a reduceScatter needs a
   * result as long as the values, with this rank's part at its place.
   */
  readonly passesPartialSums: boolean;
  /** True if group rank `from` of `size` sends a frame to `to`. */
  sends(from: number, to: number, size: number): boolean;
}

/** All algorithms; the index of each is its number on the wire. */
export const ALGORITHMS: readonly Algorithm[] = readTable();
/** Their names, in the same order. */
export const ALGORITHM_NAMES: readonly string[] = ALGORITHMS.map(({ name }) => name);

/** The algorithm of this name. @throws {RangeError} if there is none. */
export function algorithmNamed(name: string): Algorithm {
  const algorithm = ALGORITHMS.find((each) => each.name === name);
  if (algorithm === undefined) throw new RangeError(`There is no algorithm ${name}`);
  return algorithm;
}

function readTable(): Algorithm[] {
  const algorithms: Algorithm[] = [];
  for (let number = 0;; number++) {
    const name = algorithm_name(number);
    if (name === undefined) return algorithms;
    algorithms.push({
      name,
      collectives: OPS.filter((_, op) => algorithm_runs(number, op)),
      passesPartialSums: algorithm_passes_partial_sums(number),
      sends: (from, to, size) => algorithm_sends(number, from, to, size),
    });
  }
}
