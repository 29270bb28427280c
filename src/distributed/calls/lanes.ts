// The two directions between this rank and one peer in a collective, driven by callbacks of the connection, not promises.
//
//   Sender     header + short payload -> bytes that are ready -> ... -> done   idle: the next bytes are not ready yet
//   Receiver   header, compared       -> place after place    -> ... -> done   idle: no room before the next fold

import { type Engine, FULL, WrongSum } from "./engine.ts";
import { type FrameHeader, type GroupPeer, SHORT_BYTES } from "./group_peer.ts";
import type { TransferListener } from "../wire/transport.ts";

/** The interface of a run for its senders and receivers. */
export interface LaneHost {
  readonly engine: Engine;
  /** Of the current collective. */
  readonly header: FrameHeader;
  /** True if no further read or write may begin. */
  hasFailed(): boolean;
  /** A read or a write has begun. */
  began(): void;
  /** A read or a write has ended or failed. */
  ended(): void;
  /** `bytes` of payload have moved. */
  moved(bytes: number): void;
  /** Bytes have moved, so that other senders and receivers may have work. */
  advance(): void;
  /** A receiver has become idle or done. */
  stopped(): void;
  /** The exchange with `peer` failed. */
  failed(peer: GroupPeer, error: unknown): void;
}

/** To one peer. */
export class Sender implements TransferListener {
  readonly peer: GroupPeer;
  /** Payload of the collective. */
  expected = 0;
  state: "idle" | "running" | "done" = "done";
  readonly #host: LaneHost;
  /** Payload that has not been sent or copied yet. */
  #left = 0;
  /** Payload in the pending write of the peer's `outgoing`; undefined in any other write. */
  #staged: number | undefined;
  #writing: Uint8Array;

  constructor(peer: GroupPeer, host: LaneHost) {
    this.peer = peer;
    this.#host = host;
    this.#writing = peer.outgoing;
  }

  /** Sends the header, with a copy of short payload that is ready, so that the original may be overwritten. */
  start(): void {
    const { engine, header } = this.#host;
    const { rank, outgoing } = this.peer;
    this.expected = engine.bytesTo(rank);
    this.#left = this.expected;
    const begin = this.peer.putHeader(header.with(this.expected));
    let staged = 0;
    // Twice if a sum follows.
    while (this.#left > staged && staged < SHORT_BYTES) {
      const ready = engine.nextSend(rank);
      if (ready === undefined) break;
      const length = Math.min(ready.length, SHORT_BYTES - staged);
      outgoing.set(length === ready.length ? ready : ready.subarray(0, length), begin + staged);
      engine.sent(rank, length);
      staged += length;
    }
    this.#left -= staged;
    this.#staged = staged;
    this.state = "running";
    this.#write(outgoing.subarray(0, begin + staged));
  }

  /** Sends the bytes that are ready. */
  send(): void {
    if (this.#host.hasFailed()) return;
    const bytes = this.#left > 0 ? this.#host.engine.nextSend(this.peer.rank) : undefined;
    if (bytes !== undefined) {
      this.state = "running";
      this.#write(bytes);
    } else this.state = this.#left > 0 ? "idle" : "done";
  }

  moved(written: number): void {
    try {
      if (this.#staged === undefined) this.#sent(written);
      else if (written === this.#writing.length) this.#stagedSent(this.#staged);
      else {
        // Perhaps no payload, but the peer accepts bytes.
        this.#host.moved(0);
        this.#write(this.#writing.subarray(written));
      }
    } catch (error) {
      this.#host.failed(this.peer, error);
    }
    this.#host.ended();
  }

  failed(error: unknown): void {
    this.#host.failed(this.peer, error);
    this.#host.ended();
  }

  #stagedSent(bytes: number): void {
    this.#staged = undefined;
    this.#host.moved(bytes);
    this.send();
  }

  #sent(bytes: number): void {
    this.#host.engine.sent(this.peer.rank, bytes);
    this.#left -= bytes;
    this.#host.moved(bytes);
    this.#host.advance();
    this.send();
  }

  #write(bytes: Uint8Array): void {
    this.#writing = bytes;
    this.#host.began();
    this.peer.connection.beginWrite(bytes, this);
  }
}

/** From one peer. */
export class Receiver implements TransferListener {
  readonly peer: GroupPeer;
  /** Payload of the collective. */
  expected = 0;
  state: "prepared" | "idle" | "running" | "done" = "done";
  readonly #host: LaneHost;
  #headerBytes = 0;

  constructor(peer: GroupPeer, host: LaneHost) {
    this.peer = peer;
    this.#host = host;
  }

  /** Prepares for `receive`. */
  prepare(): void {
    this.expected = this.#host.engine.bytesFrom(this.peer.rank);
    this.#headerBytes = 0;
    this.state = "prepared";
  }

  /** Takes buffered bytes, and begins a read for the rest. */
  receive(): void {
    const { connection } = this.peer;
    this.state = "running";
    try {
      while (!this.#host.hasFailed()) {
        const target = this.#target();
        if (target === undefined || target === FULL) {
          this.state = target === FULL ? "idle" : "done";
          return this.#host.stopped();
        }
        const taken = connection.take(target);
        if (taken === 0) {
          this.#host.began();
          return connection.beginRead(target, this);
        }
        this.#arrived(taken);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  moved(read: number): void {
    try {
      this.#arrived(read);
      this.receive();
    } catch (error) {
      this.#fail(error);
    }
    this.#host.ended();
  }

  failed(error: unknown): void {
    this.#fail(error);
    this.#host.ended();
  }

  #fail(error: unknown): void {
    this.#host.failed(this.peer, error instanceof WrongSum ? this.peer.wrongSum() : error);
  }

  #target(): Uint8Array | typeof FULL | undefined {
    const { incoming, rank } = this.peer;
    if (this.#headerBytes === 0) return incoming;
    if (this.#headerBytes < incoming.length) return incoming.subarray(this.#headerBytes);
    return this.#host.engine.nextReceive(rank);
  }

  #arrived(bytes: number): void {
    const { incoming } = this.peer;
    if (this.#headerBytes < incoming.length) {
      this.#headerBytes += bytes;
      // No payload, but the peer sends bytes.
      this.#host.moved(0);
      if (this.#headerBytes < incoming.length) return;
      return this.peer.requireHeader(this.#host.header, this.expected);
    }
    this.#host.engine.received(this.peer.rank, bytes);
    this.#host.moved(bytes);
    this.#host.advance();
  }
}
