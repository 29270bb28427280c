// The collective engine, in WebAssembly (rust_collectives), with values and result left in JavaScript's memory.
//
//   bytes that are only copied   ->  read straight into the result
//   the terms of a reduction     ->  read into the landing zone in WASM memory, a ring buffer per peer; for every segment
//                                    received from all: operand = values[a..b]; folded = tree of terms; result[c..d] = folded
//
// Every move over a plain network is followed by its sum, a checksum or a keyed sum (executor.rs). That of bytes in JavaScript's memory is computed
// from a copy in the operand, which is free between two folds. Bytes are summed before they are written: once written, the
// peer's answer may overwrite them here before the end of the write is known.
//
// A segment is small enough for the cache, so the two copies cost little. A ring holds as much as a socket returns in one
// read, as each read costs Deno some 10 us: with rings of 256 KiB instead of segments of 64, an allReduce of 512 KiB to 2 MiB
// takes a tenth less over 2 ranks, and a sixth less over 4 (bench/README.md). A group's WASM memory is bounded for values of
// any length. It must not grow while a read into a landing zone is pending, as the view would be detached: the heap is made
// large enough for all groups here, before the first read.

import { Engine as WasmEngine, reserve } from "../../../rust_collectives/pkg/rust_collectives.js";
import { memory } from "../../../rust_collectives/pkg/rust_collectives_bg.wasm";
import { ALGORITHM_NAMES } from "../wire/algorithms.ts";
import {
  ELEMENT_TYPES,
  type ElementType,
  type Op,
  OPS,
  type Reduction,
  REDUCTIONS,
} from "../wire/call_kind.ts";
import type { FrameKeys } from "../wire/session.ts";

/** Most bytes that are folded at a time. */
const MAX_SEGMENT_BYTES = 64 << 10;
/** Longest ring. */
const MAX_ROOM_BYTES = 256 << 10;
/** Landing zone of one group: a ring buffer for each peer. */
const LANDING_BYTES = 512 << 10;
/** Room for the sum of a move, or of a message. */
const TRAILER_BYTES = 32;
/** Bytes that are copied at a time for a sum: they stay in the first-level cache. */
const COPY_BYTES = 16 << 10;
/** Bytes that are offered, and so summed, at a time to a checked peer: they stay in the second-level cache. */
const COUNTED_BYTES = 512 << 10;
/** Groups that one process can have at a time. */
const MAX_ENGINES = 256;
/** An engine also needs memory for its schedule and partial sums. */
const ENGINE_BYTES = LANDING_BYTES + 2 * MAX_SEGMENT_BYTES + (128 << 10);
/** The keys of a session and its state, on average of the peers of all engines, if each has up to 32 peers. */
const SESSIONS_BYTES = 32 * 2 * (2 << 10);
const RESERVED_BYTES = MAX_ENGINES * (ENGINE_BYTES + SESSIONS_BYTES);

reserve(RESERVED_BYTES);
let engines = 0;

/** A collective and its arguments. */
export interface Collective {
  readonly op: Exclude<Op, "send">;
  /** Name of the algorithm. */
  readonly algorithm: string;
  readonly dtype: ElementType;
  readonly reduction: Reduction;
  /** Group rank; 0 where there is none. */
  readonly root: number;
  /** Elements of the whole values; the sum of `counts` if they are given. */
  readonly count: number;
  /** Elements per rank of a reduceScatter or allGather, or sent to each rank in an allToAll. */
  readonly counts?: readonly number[];
  /** Elements received from each rank in an allToAll. */
  readonly resultCounts?: readonly number[];
}

/** Input and output of a collective; the same memory if the result replaces the values. */
export interface Memory {
  readonly values: Uint8Array;
  readonly result: Uint8Array;
}

/** There is no room for the next bytes before a fold. */
export const FULL = Symbol("full");

/** Drives one rank's part in the collectives of one group, one after the other. Peers are group ranks. */
export class Engine implements Disposable {
  readonly #engine: WasmEngine;
  readonly #landing: Uint8Array;
  readonly #operand: Uint8Array;
  readonly #folded: Uint8Array;
  readonly #trailers: Uint8Array;
  readonly #counts: Uint32Array;
  readonly #resultCounts: Uint32Array;
  readonly #checked: boolean[];
  readonly #size: number;
  /** Per peer, how many of the next bytes to send are in its checksum. */
  readonly #counted: number[];
  #values: Uint8Array = new Uint8Array();
  #result: Uint8Array = new Uint8Array();
  #freed = false;

  /** @throws {RangeError} if this process has too many groups. */
  constructor(rank: number, size: number) {
    if (engines === MAX_ENGINES) {
      throw new RangeError(
        `This process already has ${MAX_ENGINES} process groups: close those that are no longer needed`,
      );
    }
    const room = roomBytes(size);
    const segment = segmentBytes(size);
    const before = memory.buffer;
    const engine = new WasmEngine(rank, size, room, segment);
    if (memory.buffer !== before) {
      engine.free();
      throw grown(size);
    }
    engines++;
    this.#size = size;
    this.#engine = engine;
    this.#landing = new Uint8Array(before, engine.landing_address(), (size - 1) * room);
    this.#operand = new Uint8Array(before, engine.operand_address(), segment);
    this.#folded = new Uint8Array(before, engine.folded_address(), segment);
    const trailers = 2 * size * TRAILER_BYTES;
    this.#trailers = new Uint8Array(before, engine.trailers_address(), trailers);
    this.#checked = Array.from({ length: size }, () => false);
    this.#counted = Array.from({ length: size }, () => 0);
    this.#counts = new Uint32Array(before, engine.counts_address(), size);
    this.#resultCounts = new Uint32Array(before, engine.result_counts_address(), size);
  }

  /** Sends and expects checksums in the exchange with `peer`, from the next collective on; `peer` must do the same. */
  check(peer: number): void {
    this.#checked[peer] = true;
    this.#engine.check(peer);
  }

  /** As `check`, with sums that only holders of the session's keys can make. */
  authenticate(peer: number, keys: FrameKeys): void {
    this.#checked[peer] = true;
    const before = memory.buffer;
    this.#engine.authenticate(peer, keys);
    if (memory.buffer !== before) throw grown(this.#size);
  }

  /** Bytes of the sum after each move or message to and from `peer`; 0 if there is none. */
  trailerBytes(peer: number): number {
    return this.#engine.trailer_bytes(peer);
  }

  /** True if checksums are exchanged with `peer`. */
  checks(peer: number): boolean {
    return this.#checked[peer];
  }

  /** Starts a collective; its memory must not be modified until it ends. */
  begin(collective: Collective, { values, result }: Memory): void {
    this.#values = values;
    this.#result = result;
    this.#counted.fill(0);
    if (collective.counts !== undefined) this.#counts.set(collective.counts);
    if (collective.resultCounts !== undefined) this.#resultCounts.set(collective.resultCounts);
    this.#engine.begin_collective(
      OPS.indexOf(collective.op),
      ALGORITHM_NAMES.indexOf(collective.algorithm),
      ELEMENT_TYPES.indexOf(collective.dtype),
      REDUCTIONS.indexOf(collective.reduction),
      collective.root,
      collective.count,
    );
  }

  /** Bytes to send to `peer` in this collective, with sums. */
  bytesTo(peer: number): number {
    return this.#engine.bytes_to(peer);
  }

  /** Bytes to receive from `peer` in this collective, with sums. */
  bytesFrom(peer: number): number {
    return this.#engine.bytes_from(peer);
  }

  /** The next bytes to send to `peer`; undefined if they are not ready yet, or all have been sent. */
  nextSend(peer: number): Uint8Array | undefined {
    const place = this.#engine.next_send(peer);
    if (place === 0) return undefined;
    const { begin, end } = this.#engine;
    if (place === 3) return this.#trailers.subarray(begin, end);
    const from = place === 1 ? this.#values : this.#result;
    return this.#checked[peer]
      ? this.#count(peer, from.subarray(begin, Math.min(end, begin + COUNTED_BYTES)))
      : from.subarray(begin, end);
  }

  /** Adds the bytes that are not yet in it to the checksum of what is sent to `peer`. */
  #count(peer: number, bytes: Uint8Array): Uint8Array {
    this.sumSent(peer, bytes.subarray(this.#counted[peer]));
    this.#counted[peer] = bytes.length;
    return bytes;
  }

  /** The first `bytes` of `nextSend(peer)` have been written, or copied. */
  sent(peer: number, bytes: number): void {
    // A trailer is not summed.
    this.#counted[peer] = Math.max(this.#counted[peer] - bytes, 0);
    this.#engine.sent(peer, bytes);
  }

  /** The place for the next bytes from `peer`; undefined when all have been received. */
  nextReceive(peer: number): Uint8Array | typeof FULL | undefined {
    const place = this.#engine.next_receive(peer);
    if (place === 0) return undefined;
    if (place === 3) return FULL;
    const into = place === 1 ? this.#landing : place === 2 ? this.#result : this.#trailers;
    return into.subarray(this.#engine.begin, this.#engine.end);
  }

  /**
   * The first `bytes` of `nextReceive(peer)` have been filled.
   *
   * @throws {WrongSum} if they complete a sum that does not match.
   */
  received(peer: number, bytes: number): void {
    if (!this.#checked[peer]) return this.#engine.received(peer, bytes);
    const place = this.#engine.next_receive(peer);
    const { begin } = this.#engine;
    if (place === 2) this.sumReceived(peer, this.#result.subarray(begin, begin + bytes));
    this.#engine.received(peer, bytes);
    if (place === 4 && this.#engine.is_damaged()) throw new WrongSum();
  }

  /** Adds bytes of a message to the checksum of what is sent to `peer`; no collective may run meanwhile. */
  sumSent(peer: number, bytes: Uint8Array): void {
    this.#eachPart(bytes, (length) => this.#engine.sum_sent(peer, length));
  }

  /** Adds bytes of a message to the checksum of what is received from `peer`. */
  sumReceived(peer: number, bytes: Uint8Array): void {
    this.#eachPart(bytes, (length) => this.#engine.sum_received(peer, length));
  }

  /** Ends a message to `peer` and returns the sum to send after it, valid until the next message. */
  trailerOfSent(peer: number): Uint8Array {
    const begin = this.#engine.message_sent(peer);
    return this.#trailers.subarray(begin, begin + this.trailerBytes(peer));
  }

  /**
   * Ends a message from `peer`, which was followed by the sum `trailer`.
   *
   * @throws {WrongSum} if it does not match.
   */
  requireTrailer(peer: number, trailer: Uint8Array): void {
    const begin = this.#engine.message_received(peer);
    // In a time that does not depend on where they differ.
    let differences = 0;
    for (let i = 0; i < trailer.length; i++) {
      differences |= this.#trailers[begin + i] ^ trailer[i];
    }
    if (differences !== 0 || trailer.length !== this.trailerBytes(peer)) throw new WrongSum();
  }

  #eachPart(bytes: Uint8Array, add: (length: number) => void): void {
    const longest = Math.min(this.#operand.length, COPY_BYTES);
    for (let begin = 0; begin < bytes.length; begin += longest) {
      const part = bytes.subarray(begin, begin + longest);
      this.#operand.set(part);
      add(part.length);
    }
  }

  /** Folds a segment, or less, if all its terms have been received; true if it has. */
  fold(): boolean {
    const engine = this.#engine;
    if (!engine.next_fold()) return false;
    const [own, begin, length] = [engine.own, engine.begin, engine.end - engine.begin];
    this.#operand.set(this.#values.subarray(own, own + length));
    engine.fold();
    this.#result.set(this.#folded.subarray(0, length), begin);
    return true;
  }

  /** Frees the engine's memory. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#freed) return;
    this.#freed = true;
    engines--;
    this.#engine.free();
  }
}

/** Received bytes do not match the sum that followed them. */
export class WrongSum extends Error {
  /** "WrongSum" */
  override readonly name = "WrongSum";
}

function grown(size: number): Error {
  return new Error(
    `The memory of the collective engine grew for a group of ${size} ranks, which breaks pending reads`,
  );
}

/** Most bytes that are folded at a time in a group of `size` ranks, a multiple of every element's size. */
export function segmentBytes(size: number): number {
  return Math.min(MAX_SEGMENT_BYTES, roomBytes(size));
}

/** Length of each peer's ring buffer in a group of `size` ranks, a multiple of a cache line. */
export function roomBytes(size: number): number {
  const share = Math.floor(LANDING_BYTES / Math.max(size - 1, 1) / 64) * 64;
  return Math.max(Math.min(MAX_ROOM_BYTES, share), 64);
}
