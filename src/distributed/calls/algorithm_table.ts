// Tables that choose the algorithm of a call by its collective, the number of ranks, and the bytes of its whole values.
//
//   table    = section { "|" section }
//   section  = [ ranks "=" ] ranges              ranks:  "2", "3-16" or "17-max"; without them, all from 2 on
//   ranges   = range { ";" range }               range:  "one-shot:0-8192", in bytes, both ends included
//            | algorithm                         the same as "algorithm:0-max"
//
//   MESHFACTOR_ALLREDUCE='2-4=one-shot:0-8192;two-shot:8193-max|5-max=ring'
//
// Sections cover every number of ranks and ranges every length, so a table always has an answer. All ranks must have the
// same tables: the algorithm is part of every call's fingerprint, so a difference is an error that shows both.
//
// The defaults are crossovers, measured with `./run bench collectives --algorithm one-shot two-shot ring` on a machine of 2
// busy cores (Xeon, Deno 2.9.6), f32: medians of the best of several turns, in microseconds, over Unix sockets and TCP
//
//   allReduce   2 ranks: one-shot   two-shot   ring     4 ranks: one-shot   two-shot   ring
//   16 KiB               34   39    40   58   48   59           219   241   261   322  309  298
//   32 KiB               44   49    45   63   53   64           315   336   274   328  324  332
//   64 KiB               75   88    59   73   68   76           522   562   401   489  379  394
//   256 KiB             234  196   175  177  180  190          1419  1210   797   889  791  775
//   1 MiB               911        741       746               5483        2786       3044
//   4 MiB              3355       2787      2842              24409       11194      11804
//
// and for 8 ranks 1214 to 1623 (16 KiB), 1531 to 1642 (32 KiB) and 2374 to 1821 (64 KiB) with one-shot and two-shot. With 2
// ranks both send the same bytes; one-shot has one round less, and folds and copies twice as much. Ring is as fast as
// two-shot here, but its order of addition depends on what else is in the buffer; two-shot is chosen up to 16 ranks. That ring and chain win
// beyond those is computed, not measured: they need the speed of one connection where direct algorithms send to all at
// once. So is the limit of broadcast, for which both took the same time here (1 MiB: 1150 direct, 1173 by a chain).

import { algorithmNamed, ALGORITHMS } from "../wire/algorithms.ts";
import type { ElementType } from "../wire/call_kind.ts";

/**
 * Collectives with a choice of algorithms.
 *
 * @category Distributed
 */
export type TabledOp = "allReduce" | "reduceScatter" | "allGather" | "broadcast";

/**
 * Tables as text, for collectives whose default is to be replaced.
 *
 * @category Distributed
 */
export type AlgorithmOptions = { readonly [op in TabledOp]?: string };

/** A table for each collective that has a choice. */
export type AlgorithmTables = { readonly [op in TabledOp]: AlgorithmTable };

/**
 * Fills in the defaults.
 *
 * @throws {TypeError | RangeError} if a text is not a table, or names an algorithm that cannot run the collective.
 */
export function parseAlgorithms(options: AlgorithmOptions = {}): AlgorithmTables {
  const known = Object.keys(DEFAULTS);
  const unknown = Object.keys(options).find((op) => !known.includes(op));
  if (unknown !== undefined) {
    throw new TypeError(
      `There is no choice of algorithms for ${unknown}, only for ${known.join(", ")}`,
    );
  }
  const table = (op: TabledOp) => new AlgorithmTable(op, options[op] ?? DEFAULTS[op]);
  return {
    allReduce: table("allReduce"),
    reduceScatter: table("reduceScatter"),
    allGather: table("allGather"),
    broadcast: table("broadcast"),
  };
}

/** One collective's algorithms by number of ranks and length. */
export class AlgorithmTable {
  readonly #sections: readonly Section[];

  /** @throws {TypeError | RangeError} if `text` is not a table for `op`. */
  constructor(op: TabledOp, text: string) {
    const fail = (what: string): never => {
      throw new RangeError(`The algorithms of ${op}, "${text}", ${what}`);
    };
    this.#sections = text.split("|").map((part) => {
      const [ranks, ranges] = part.includes("=") ? part.split("=", 2) : ["2-max", part];
      return { ...span(ranks.trim(), text), ranges: parseRanges(op, ranges, text) };
    });
    requireCover(this.#sections, 2, (gap) => fail(`do not cover ${gap} ranks`));
    for (const { ranges } of this.#sections) {
      requireCover(ranges, 0, (gap) => fail(`do not cover ${gap} bytes, or cover them twice`));
    }
  }

  /** Name of the algorithm for `size` ranks (2 or more) and values of `bytes` bytes in all. */
  choose(size: number, bytes: number): string {
    const holds = (at: number) => ({ from, to }: Span) => from <= at && at <= to;
    const range = this.#sections.find(holds(size))?.ranges.find(holds(bytes));
    if (range === undefined) throw new RangeError(`No algorithm for ${size} ranks, ${bytes} bytes`);
    return range.algorithm;
  }
}

/**
 * Name of the algorithm that `table` chooses for a call of `op`. One that passes partial sums on would round those of 16 bits
 * at every hop, so 16-bit sums take another one instead.
 */
export function algorithmFor(
  op: TabledOp,
  table: AlgorithmTable,
  { size, bytes, dtype }: {
    readonly size: number;
    readonly bytes: number;
    readonly dtype: ElementType;
  },
): string {
  const name = table.choose(size, bytes);
  const is16Bit = dtype === "f16" || dtype === "bf16";
  const reduces = op === "allReduce" || op === "reduceScatter";
  return is16Bit && reduces && algorithmNamed(name).passesPartialSums ? FOR_16_BITS[op] : name;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

interface Section extends Span {
  readonly ranges: readonly (Span & { readonly algorithm: string })[];
}

function parseRanges(op: TabledOp, ranges: string, text: string): Section["ranges"] {
  return ranges.split(";").map((range) => {
    const [name, bytes = "0-max"] = range.split(":", 2).map((each) => each.trim());
    const choices = algorithmsOf(op);
    // The table's own string, which later comparisons find equal by its address.
    const algorithm = choices.find((each) => each === name);
    if (algorithm === undefined) {
      throw new TypeError(
        `"${name}" in "${text}" is not an algorithm of ${op}, which has ${choices.join(", ")}`,
      );
    }
    return { ...span(bytes, text), algorithm };
  });
}

function span(range: string, text: string): Span {
  const [, from, to = from] = /^(\d+)(?:-(\d+|max))?$/.exec(range) ?? [];
  if (from === undefined) {
    throw new TypeError(`"${range}" in "${text}" is not a range: write it like 0-8192 or 8193-max`);
  }
  return { from: Number(from), to: to === "max" ? Infinity : Number(to) };
}

/** Calls `fail` with the first number from `begin` on that no span holds, or that two do. */
function requireCover(spans: readonly Span[], begin: number, fail: (gap: number) => never): void {
  let next = begin;
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    if (from !== next || to < from) fail(Math.min(from, next));
    next = to + 1;
  }
  if (next !== Infinity) fail(next);
}

/** Names of the engine's algorithms that can run `op`. */
export function algorithmsOf(op: TabledOp): string[] {
  return ALGORITHMS.filter(({ collectives }) => collectives.includes(op)).map(({ name }) => name);
}

const DEFAULTS: { readonly [op in TabledOp]: string } = {
  allReduce: "2=one-shot:0-49152;two-shot:49153-max|" +
    "3-4=one-shot:0-24576;two-shot:24577-max|" +
    "5-16=one-shot:0-49152;two-shot:49153-max|" +
    "17-max=two-shot:0-1048576;ring:1048577-max",
  reduceScatter: "2-16=direct|17-max=direct:0-1048576;ring:1048577-max",
  allGather: "2-16=direct|17-max=direct:0-1048576;ring:1048577-max",
  broadcast: "2=direct|3-max=direct:0-65536;chain:65537-max",
};
/** The algorithm of 16-bit sums in place of one that passes partial sums on. */
const FOR_16_BITS = { allReduce: "two-shot", reduceScatter: "direct" } as const;
