// The collective engine, in WebAssembly (rust_collectives), with the values left in JavaScript's memory.
//
//   what arrives to be copied  ->  read straight into the values
//   what arrives to be added   ->  read into the landing zone in WASM memory; a whole segment is then added:
//                                  operand = values[a..b]; operand += landing; values[a..b] = operand
//
// A segment is small enough for the cache, so the two copies cost little, and WASM memory holds two segments per group
// whatever the length of the values. It must not grow while a read into a landing zone is pending, as the view would be
// detached: the heap is made large enough for all groups here, before the first read.

import { Engine as WasmEngine, reserve } from "../../rust_collectives/pkg/rust_collectives.js";
import { memory } from "../../rust_collectives/pkg/rust_collectives_bg.wasm";

/** Elements that are summed at a time: 256 KiB of f32. */
const SEGMENT_ELEMENTS = 1 << 16;
/** Groups that one process can have at a time. */
const MAX_ENGINES = 256;
const BYTES_PER_ELEMENT = 4;
/** Beside its two segments an engine needs room for its schedule. */
const RESERVED_BYTES = MAX_ENGINES * (2 * SEGMENT_ELEMENTS * BYTES_PER_ELEMENT + (64 << 10));

reserve(RESERVED_BYTES);
let engines = 0;

/** One call, as the engine needs it. */
export type Collective =
  | { readonly op: "allReduce"; readonly count: number }
  | { readonly op: "reduceScatter" | "allGather"; readonly counts: readonly number[] }
  | { readonly op: "broadcast"; readonly count: number; readonly root: number }
  | { readonly op: "barrier" };

/** Drives one rank's part in the collectives of one group, one after the other. Peers are group ranks. */
export class Engine implements Disposable {
  /** Peers that this rank sends to in every collective. */
  readonly sendPeers: readonly number[];
  /** Peers that this rank receives from in every collective. */
  readonly receivePeers: readonly number[];
  readonly #engine: WasmEngine;
  readonly #landing: Uint8Array;
  readonly #operand: Uint8Array;
  #values: Uint8Array = new Uint8Array();
  #freed = false;

  /** @throws {RangeError} if this process has too many groups. */
  constructor(rank: number, size: number) {
    if (engines === MAX_ENGINES) {
      throw new RangeError(
        `This process has ${MAX_ENGINES} process groups already: destroy those that are not needed any more`,
      );
    }
    const before = memory.buffer;
    this.#engine = new WasmEngine(rank, size, SEGMENT_ELEMENTS);
    if (memory.buffer !== before) {
      this.#engine.free();
      throw new Error(
        `The memory of the collective engine grew for a group of ${size} ranks, which breaks reads in flight`,
      );
    }
    engines++;
    // Every algorithm so far sends to the right and receives from the left; broadcast's last frame back to the root is
    // a header only, so that the root too learns of a rank that makes another call.
    this.sendPeers = [(rank + 1) % size];
    this.receivePeers = [(rank + size - 1) % size];
    const bytes = SEGMENT_ELEMENTS * BYTES_PER_ELEMENT;
    this.#landing = new Uint8Array(before, this.#engine.landing_address(), bytes);
    this.#operand = new Uint8Array(before, this.#engine.operand_address(), bytes);
  }

  /** Starts a collective on `values`, which must stay where they are until it ends. */
  begin(collective: Collective, values: Uint8Array): void {
    this.#values = values;
    switch (collective.op) {
      case "allReduce":
        return this.#engine.begin_all_reduce(collective.count);
      case "reduceScatter":
        return this.#engine.begin_reduce_scatter(Uint32Array.from(collective.counts));
      case "allGather":
        return this.#engine.begin_all_gather(Uint32Array.from(collective.counts));
      case "broadcast":
        return this.#engine.begin_broadcast(collective.root, collective.count);
      case "barrier":
        return this.#engine.begin_barrier();
    }
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
    if (!this.#engine.next_send(peer)) return undefined;
    return this.#values.subarray(this.#engine.begin, this.#engine.end);
  }

  /** The first `bytes` of `nextSend(peer)` have been written. */
  sent(peer: number, bytes: number): void {
    this.#engine.sent(peer, bytes);
  }

  /** Where the next bytes from `peer` go; undefined when all have come. */
  nextReceive(peer: number): Uint8Array | undefined {
    if (!this.#engine.next_receive(peer)) return undefined;
    const place = this.#engine.landing ? this.#landing : this.#values;
    return place.subarray(this.#engine.begin, this.#engine.end);
  }

  /** The first `bytes` of `nextReceive(peer)` have been filled. */
  received(peer: number, bytes: number): void {
    if (!this.#engine.received(peer, bytes)) return;
    const segment = this.#values.subarray(this.#engine.begin, this.#engine.end);
    this.#operand.set(segment);
    this.#engine.add(peer);
    segment.set(this.#operand.subarray(0, segment.length));
  }

  /** Frees the engine's memory. Again: nothing. */
  [Symbol.dispose](): void {
    if (this.#freed) return;
    this.#freed = true;
    engines--;
    this.#engine.free();
  }
}
