// One peer of a group: its connection, the buffers that all calls share, and the comparison of headers.
//
// Headers are compared as bytes; only one that differs is decoded, to report the difference. On a connection with a session a
// header is followed by its keyed sum, which is verified before anything in the header is believed.

import {
  completeHeader,
  decodeHeader,
  encodeHeader,
  type Fingerprint,
  ForgedError,
  FrameError,
  type Header,
  HEADER_BYTES,
} from "../wire/frame.ts";
import { type Engine, WrongSum } from "./engine.ts";
import { SUM_BYTES } from "../wire/session.ts";
import type { Connection } from "../wire/transport.ts";

/** Short payloads travel in one write with their header. */
export const STAGING_BYTES = (32 << 10) + HEADER_BYTES + SUM_BYTES;
/** Payload that travels so, with any header. */
export const SHORT_BYTES = 32 << 10;

/** A peer of a group, with buffers that all calls share. */
export class GroupPeer {
  /** Group rank. */
  readonly rank: number;
  /** The connection to it. */
  readonly connection: Connection;
  /** A header and a short payload are written from here, together. */
  readonly outgoing = new Uint8Array(STAGING_BYTES);
  /** Its header, with its keyed sum if it has one, is read to here. */
  readonly incoming: Uint8Array;
  readonly #engine: Engine;

  /** Group rank `rank`, at the other end of `connection`, with the sums that the connection needs. */
  constructor(rank: number, connection: Connection, engine: Engine) {
    this.rank = rank;
    this.connection = connection;
    this.#engine = engine;
    const { session, isUnprotected } = connection;
    this.incoming = new Uint8Array(HEADER_BYTES + (session === undefined ? 0 : SUM_BYTES));
    if (session !== undefined) engine.authenticate(rank, session.frames);
    else if (isUnprotected) engine.check(rank);
  }

  /** Puts a header, with its keyed sum if it has one, at the begin of `outgoing`; returns its length. */
  putHeader(header: Uint8Array): number {
    this.outgoing.set(header);
    if (this.connection.session !== undefined) {
      this.#engine.sumSent(this.rank, header);
      this.outgoing.set(this.#engine.trailerOfSent(this.rank), HEADER_BYTES);
    }
    return this.incoming.length;
  }

  /** Reads a header into `incoming`. @throws as `requireHeader`. */
  async readHeader(expected: FrameHeader, payloadBytes: number): Promise<void> {
    await this.connection.readFully(this.incoming);
    this.requireHeader(expected, payloadBytes);
  }

  /**
   * Compares `incoming` with this rank's own header for the same call and payload.
   *
   * @throws {ForgedError} if the peer did not send it.
   * @throws {CallMismatch} if the peer's differs.
   * @throws {FrameError} if it is not a header.
   */
  requireHeader(expected: FrameHeader, payloadBytes: number): void {
    if (this.connection.session !== undefined) this.#requireOwnSum();
    const mine = expected.with(payloadBytes);
    for (let i = 0; i < HEADER_BYTES; i++) {
      if (this.incoming[i] !== mine[i]) throw new CallMismatch(mine, this.incoming);
    }
  }

  /** The error for a payload with a wrong sum. */
  wrongSum(): FrameError {
    return this.connection.session === undefined
      ? new FrameError("A payload was damaged in transit")
      : new ForgedError("a payload", this.connection);
  }

  #requireOwnSum(): void {
    try {
      this.#engine.sumReceived(this.rank, this.incoming.subarray(0, HEADER_BYTES));
      this.#engine.requireTrailer(this.rank, this.incoming.subarray(HEADER_BYTES));
    } catch (error) {
      throw error instanceof WrongSum ? new ForgedError("a header", this.connection) : error;
    }
  }
}

/** This rank's header of the current call, completed for each peer with the length of its payload. */
export class FrameHeader {
  readonly #bytes = new Uint8Array(HEADER_BYTES);
  #payloadBytes = 0;

  /** Replaces the header by that of another call. */
  write(fingerprint: Fingerprint): void {
    encodeHeader(fingerprint, this.#bytes);
    this.#payloadBytes = 0;
  }

  /** The header for a payload of `payloadBytes`, valid until the next call of this. Most peers have payloads of one length. */
  with(payloadBytes: number): Uint8Array {
    if (payloadBytes !== this.#payloadBytes) {
      completeHeader(this.#bytes, payloadBytes);
      this.#payloadBytes = payloadBytes;
    }
    return this.#bytes;
  }
}

/** A peer's header differs from that of this rank's call. */
export class CallMismatch extends Error {
  /** "CallMismatch" */
  override readonly name = "CallMismatch";
  /** The header of this rank's call. */
  readonly mine: Header;
  /** The header received. */
  readonly theirs: Header;

  /** @throws {FrameError} if one of them is not a header. */
  constructor(mine: Uint8Array, theirs: Uint8Array) {
    super("Two ranks made different calls");
    this.mine = decodeHeader(mine);
    this.theirs = decodeHeader(theirs);
  }
}
