// The collective engine, in WebAssembly (rust_collectives), with values and result left in JavaScript's memory.
//
//   what arrives to be copied    ->  read straight into the result
//   the terms of a reduction     ->  read into the landing zone in WASM memory, a segment per peer; when all peers' are
//                                    whole: operand = values[a..b]; folded = tree of terms; result[c..d] = folded
//
// A segment is small enough for the cache, so the two copies cost little, and a group's WASM memory is bounded whatever
// the length of the values. It must not grow while a read into a landing zone is pending, as the view would be detached:
// the heap is made large enough for all groups here, before the first read.

import { Engine as WasmEngine, reserve } from "../../rust_collectives/pkg/rust_collectives.js";
import { memory } from "../../rust_collectives/pkg/rust_collectives_bg.wasm";
import {
  type Algorithm,
  ALGORITHMS,
  type Dtype,
  DTYPES,
  type Op,
  OPS,
  type Reduction,
  REDUCTIONS,
} from "./frame.ts";

/** Longest segment. */
const MAX_SEGMENT_BYTES = 64 << 10;
/** Landing zone of one group: a segment for each peer. */
const LANDING_BYTES = 512 << 10;
/** Groups that one process can have at a time. */
const MAX_ENGINES = 256;
/** Beside its landing zone and two segments an engine needs room for its schedule and for partial sums. */
const RESERVED_BYTES = MAX_ENGINES * (LANDING_BYTES + 2 * MAX_SEGMENT_BYTES + (128 << 10));

reserve(RESERVED_BYTES);
let engines = 0;

/** One call, as the engine needs it. */
export interface Collective {
  readonly op: Exclude<Op, "send">;
  readonly algorithm: Algorithm;
  readonly dtype: Dtype;
  readonly reduction: Reduction;
  /** Group rank; 0 where there is none. */
  readonly root: number;
  /** Elements in the whole; where `counts` are given, their sum. */
  readonly count: number;
  /** Elements per rank of a reduceScatter or allGather, or that go to each in an allToAll. */
  readonly counts?: readonly number[];
  /** Elements that come from each rank in an allToAll. */
  readonly resultCounts?: readonly number[];
}

/** What a collective works on; both may be the same memory where the result replaces the values. */
export interface Memory {
  readonly values: Uint8Array;
  readonly result: Uint8Array;
}

/** Bytes that cannot be taken before the next fold. */
export const FULL = Symbol("full");

/** Drives one rank's part in the collectives of one group, one after the other. Peers are group ranks. */
export class Engine implements Disposable {
  readonly #engine: WasmEngine;
  readonly #landing: Uint8Array;
  readonly #operand: Uint8Array;
  readonly #folded: Uint8Array;
  readonly #counts: Uint32Array;
  readonly #resultCounts: Uint32Array;
  #values: Uint8Array = new Uint8Array();
  #result: Uint8Array = new Uint8Array();
  #freed = false;

  /** @throws {RangeError} if this process has too many groups. */
  constructor(rank: number, size: number) {
    if (engines === MAX_ENGINES) {
      throw new RangeError(
        `This process has ${MAX_ENGINES} process groups already: destroy those that are not needed any more`,
      );
    }
    const segment = segmentBytes(size);
    const before = memory.buffer;
    const engine = new WasmEngine(rank, size, segment);
    if (memory.buffer !== before) {
      engine.free();
      throw new Error(
        `The memory of the collective engine grew for a group of ${size} ranks, which breaks reads in flight`,
      );
    }
    engines++;
    this.#engine = engine;
    this.#landing = new Uint8Array(before, engine.landing_address(), (size - 1) * segment);
    this.#operand = new Uint8Array(before, engine.operand_address(), segment);
    this.#folded = new Uint8Array(before, engine.folded_address(), segment);
    this.#counts = new Uint32Array(before, engine.counts_address(), size);
    this.#resultCounts = new Uint32Array(before, engine.result_counts_address(), size);
  }

  /** Starts a collective; its memory must stay untouched until it ends. */
  begin(collective: Collective, { values, result }: Memory): void {
    this.#values = values;
    this.#result = result;
    if (collective.counts !== undefined) this.#counts.set(collective.counts);
    if (collective.resultCounts !== undefined) this.#resultCounts.set(collective.resultCounts);
    this.#engine.begin_collective(
      OPS.indexOf(collective.op),
      ALGORITHMS.indexOf(collective.algorithm),
      DTYPES.indexOf(collective.dtype),
      REDUCTIONS.indexOf(collective.reduction),
      collective.root,
      collective.count,
    );
  }

  /** Bytes that go to `peer` in this collective. */
  bytesTo(peer: number): number {
    return this.#engine.bytes_to(peer);
  }

  /** Bytes that come from `peer` in this collective. */
  bytesFrom(peer: number): number {
    return this.#engine.bytes_from(peer);
  }

  /** The bytes that may go to `peer` now; undefined if they have not arrived yet, or all have gone. */
  nextSend(peer: number): Uint8Array | undefined {
    const place = this.#engine.next_send(peer);
    if (place === 0) return undefined;
    const from = place === 1 ? this.#values : this.#result;
    return from.subarray(this.#engine.begin, this.#engine.end);
  }

  /** The first `bytes` of `nextSend(peer)` have been written, or copied. */
  sent(peer: number, bytes: number): void {
    this.#engine.sent(peer, bytes);
  }

  /** Where the next bytes from `peer` go; undefined when all have come. */
  nextReceive(peer: number): Uint8Array | typeof FULL | undefined {
    const place = this.#engine.next_receive(peer);
    if (place === 0) return undefined;
    if (place === 3) return FULL;
    const into = place === 1 ? this.#landing : this.#result;
    return into.subarray(this.#engine.begin, this.#engine.end);
  }

  /** The first `bytes` of `nextReceive(peer)` have been filled. */
  received(peer: number, bytes: number): void {
    this.#engine.received(peer, bytes);
  }

  /** Folds a segment if all its terms are here; true if it has. */
  fold(): boolean {
    const engine = this.#engine;
    if (!engine.next_fold()) return false;
    const [own, begin, length] = [engine.own, engine.begin, engine.end - engine.begin];
    this.#operand.set(this.#values.subarray(own, own + length));
    engine.fold();
    this.#result.set(this.#folded.subarray(0, length), begin);
    return true;
  }

  /** Frees the engine's memory. Again: nothing. */
  [Symbol.dispose](): void {
    if (this.#freed) return;
    this.#freed = true;
    engines--;
    this.#engine.free();
  }
}

/** Bytes that are folded at a time in a group of `size` ranks, a multiple of every element's size. */
export function segmentBytes(size: number): number {
  const share = Math.floor(LANDING_BYTES / Math.max(size - 1, 1) / 64) * 64;
  return Math.max(Math.min(MAX_SEGMENT_BYTES, share), 64);
}
