// The keys of one connection, which both ends derive from the job's secret and the nonces of their handshake, and the keyed
// sums of its control messages.
//
//   HKDF-SHA-256(secret, salt = both openings of the handshake)
//     -> frames to the acceptor | frames to the dialer | messages to the acceptor | messages to the dialer    32 bytes each
//
// A key serves one direction of one connection, and the n-th sum covers n: a message that is changed, repeated, left out,
// moved, sent back or taken from another connection has the wrong sum. Frames are summed by rust_collectives.

import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * What follows frames and control messages over plain TCP. `keyed`: sums that only holders of the secret can make.
 * `checksum`: checksums, which detect damage but no third party that changes bytes.
 *
 * @category Distributed
 */
export type Integrity = "keyed" | "checksum";

/** All values of `Integrity`. */
export const INTEGRITIES: readonly Integrity[] = ["keyed", "checksum"];

/** Bytes of a keyed sum of a frame or message. */
export const SUM_BYTES = 16;

/** Keys for the frames of one end: 32 bytes for what it sends, then 32 for what it receives. */
export type FrameKeys = Uint8Array<ArrayBuffer>;

/** One end's keys of a connection. */
export interface Session {
  readonly frames: FrameKeys;
  /** Of the control messages that this end sends. */
  readonly sent: MessageSums;
  /** Of those that it receives. */
  readonly received: MessageSums;
}

/** Derives one end's keys; `salt` must be new for each connection. */
export async function deriveSession(
  key: CryptoKey,
  { salt, role }: { readonly salt: Uint8Array<ArrayBuffer>; readonly role: "dialer" | "acceptor" },
): Promise<Session> {
  const info = new TextEncoder().encode("meshfactor session 2");
  const parameters = { name: "HKDF", hash: "SHA-256", salt, info };
  const bytes = new Uint8Array(await crypto.subtle.deriveBits(parameters, key, 4 * 8 * KEY_BYTES));
  const [toAcceptor, toDialer, ...messages] = [0, 1, 2, 3].map((index) =>
    bytes.slice(index * KEY_BYTES, (index + 1) * KEY_BYTES)
  );
  const isDialer = role === "dialer";
  const frames = new Uint8Array(2 * KEY_BYTES);
  frames.set(isDialer ? toAcceptor : toDialer);
  frames.set(isDialer ? toDialer : toAcceptor, KEY_BYTES);
  const [sent, received] = isDialer ? messages : messages.toReversed();
  return { frames, sent: new MessageSums(sent), received: new MessageSums(received) };
}

/** The keyed sums of one direction's control messages, one after the other: HMAC-SHA-256 of their number and bytes. */
export class MessageSums {
  readonly #key: Uint8Array;
  #numSums = 0n;

  /** With a key that no other direction of any connection has. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** The next sum. */
  next(bytes: Uint8Array): Uint8Array {
    const number = new BigUint64Array([this.#numSums++]);
    const hmac = createHmac("sha256", this.#key).update(new Uint8Array(number.buffer));
    return new Uint8Array(hmac.update(bytes).digest().subarray(0, SUM_BYTES));
  }

  /** True if `sum` is the next sum, in a time that does not depend on where they differ. */
  isNext(sum: Uint8Array, bytes: Uint8Array): boolean {
    return timingSafeEqual(sum, this.next(bytes));
  }
}

const KEY_BYTES = 32;
