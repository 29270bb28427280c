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
} from "../wire/frame.ts";
import type { Connection } from "../wire/transport.ts";

/** Short payloads travel in one write with their header. */
export const STAGING_BYTES = (32 << 10) + HEADER_BYTES;

/** A peer as its group talks to it, with buffers that serve every call. */
export class GroupPeer {
  /** Group rank. */
  readonly rank: number;
  /** To it, and from it. */
  readonly connection: Connection;
  /** A header and a short payload leave in one write from here. */
  readonly outgoing = new Uint8Array(STAGING_BYTES);
  /** Its header of a call is read to here. */
  readonly incoming = new Uint8Array(HEADER_BYTES);

  /** Group rank `rank`, at the other end of `connection`. */
  constructor(rank: number, connection: Connection) {
    this.rank = rank;
    this.connection = connection;
  }

  /** Reads a header into `incoming`, and throws what `requireHeader` does. */
  async readHeader(expected: FrameHeader, payloadBytes: number): Promise<void> {
    await this.connection.readFully(this.incoming);
    this.requireHeader(expected, payloadBytes);
  }

  /**
   * Compares `incoming` with this rank's own header for the same call and payload.
   *
   * @throws {CallMismatch} if the peer's is another.
   * @throws {FrameError} if it is none.
   */
  requireHeader(expected: FrameHeader, payloadBytes: number): void {
    const mine = expected.with(payloadBytes);
    for (let i = 0; i < HEADER_BYTES; i++) {
      if (this.incoming[i] !== mine[i]) throw new CallMismatch(mine, this.incoming);
    }
  }
}

/** This rank's header of the call that runs, completed for each peer with the length of its payload. */
export class FrameHeader {
  readonly #bytes = new Uint8Array(HEADER_BYTES);
  #payloadBytes = 0;

  /** Writes the header of a call in place of the one before. */
  write(fingerprint: Fingerprint): void {
    encodeHeader(fingerprint, this.#bytes);
    this.#payloadBytes = 0;
  }

  /** The header for a payload of so many bytes, until the next call. Most peers of a call have payloads of one length. */
  with(payloadBytes: number): Uint8Array {
    if (payloadBytes !== this.#payloadBytes) {
      completeHeader(this.#bytes, payloadBytes);
      this.#payloadBytes = payloadBytes;
    }
    return this.#bytes;
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
