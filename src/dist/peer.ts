// One peer of a group: its connection, the buffers that serve every call, and the first thing that it says in each.
//
// A header is compared as bytes; only one that differs is decoded, to say in what.

import {
  completeHeader,
  decodeHeader,
  encodeHeader,
  type Fingerprint,
  type Header,
  HEADER_BYTES,
} from "./frame.ts";
import type { Connection } from "./transport.ts";

/** Short payloads travel in one write with their header. */
export const STAGING_BYTES = 16 << 10;

/** A peer as its group talks to it, with buffers that serve every call. */
export class Peer {
  /** Group rank. */
  readonly rank: number;
  /** To it, and from it. */
  readonly connection: Connection;
  /** A header and a short payload leave in one write from here. */
  readonly outgoing = new Uint8Array(STAGING_BYTES);
  readonly #expected = new Uint32Array(HEADER_BYTES / 4);
  readonly #arrived = new Uint32Array(HEADER_BYTES / 4);

  /** Group rank `rank`, at the other end of `connection`. */
  constructor(rank: number, connection: Connection) {
    this.rank = rank;
    this.connection = connection;
  }

  /**
   * Reads a header; `expected` is this rank's own for the same call and payload.
   *
   * @throws {CallMismatch} if the peer's is another.
   * @throws {FrameError} if it is none.
   */
  async readHeader(expected: FrameHeader, payloadBytes: number): Promise<void> {
    const bytes = new Uint8Array(this.#arrived.buffer);
    await this.connection.readFully(bytes);
    expected.write(new Uint8Array(this.#expected.buffer), payloadBytes);
    if (this.#arrived.every((word, index) => word === this.#expected[index])) return;
    throw new CallMismatch(new Uint8Array(this.#expected.buffer), bytes);
  }
}

/** This rank's header of one call, written once and completed for each peer with the length of its payload. */
export class FrameHeader {
  readonly #bytes = new Uint8Array(HEADER_BYTES);

  /** Encodes the call's fingerprint. */
  constructor(fingerprint: Fingerprint) {
    encodeHeader({ ...fingerprint, payloadBytes: 0 }, this.#bytes);
  }

  /** Writes the header to the first bytes of `target`. */
  write(target: Uint8Array, payloadBytes: number): void {
    target.set(this.#bytes);
    completeHeader(target, payloadBytes);
  }
}

/** A peer's header is not what this rank's call expects. */
export class CallMismatch extends Error {
  /** "CallMismatch" */
  override readonly name = "CallMismatch";
  /** What this rank expected. */
  readonly mine: Header;
  /** What came. */
  readonly theirs: Header;

  /** @throws {FrameError} if one of them is no header. */
  constructor(mine: Uint8Array, theirs: Uint8Array) {
    super("Two ranks do not make the same call");
    this.mine = decodeHeader(mine);
    this.theirs = decodeHeader(theirs);
  }
}
