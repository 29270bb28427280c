// The error of a lost peer, the same on every rank.
//
// A world fails once: the first failure that a rank detects or is informed of becomes the reason of all pending and later
// calls of all groups. It names the global rank that caused it.

/** The call that was running when a failure was detected. */
export interface FailureSite {
  /** Global ranks of the group, in group order. */
  readonly group?: readonly number[];
  /** Name of the call, such as `allReduce`. */
  readonly op?: string;
  /** Position of the call in its group, from 0. */
  readonly sequence?: number;
  /** Bytes of it that this rank has received and sent. */
  readonly bytesDone?: number;
  /** Bytes of it that this rank has to receive and send. */
  readonly bytesExpected?: number;
}

/**
 * A rank died, stalled, left too early, failed, or called another collective than its peers.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { launch, PeerLostError } from "@meshfactor/adafactor";
 *
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * try {
 *   await world.group.barrier();
 * } catch (error) {
 *   assert.ok(error instanceof PeerLostError);
 *   console.error(`rank ${error.rank} caused the failure: ${error.message}`);
 * }
 * ```
 *
 * @category Distributed
 */
export class PeerLostError extends Error {
  /** "PeerLostError" */
  override readonly name = "PeerLostError";
  /** Global rank that caused the failure. */
  readonly rank: number;
  /** Global ranks of the group in which it was detected, if a call was running. */
  readonly group: readonly number[] | undefined;
  /** Name of the running call, if any. */
  readonly op: string | undefined;
  /** Position of that call in its group, from 0. */
  readonly sequence: number | undefined;
  /** Bytes of it that the detecting rank has received and sent. */
  readonly bytesDone: number | undefined;
  /** Bytes of it that the detecting rank has to receive and send. */
  readonly bytesExpected: number | undefined;

  /** `rank` is lost; `site` is the call in which that was detected. */
  constructor(rank: number, message: string, site: FailureSite & ErrorOptions = {}) {
    super(message, "cause" in site ? { cause: site.cause } : undefined);
    this.rank = rank;
    this.group = site.group;
    this.op = site.op;
    this.sequence = site.sequence;
    this.bytesDone = site.bytesDone;
    this.bytesExpected = site.bytesExpected;
  }
}

/** `in allReduce 7 of group [0, 2] after 8 of 24 bytes`, or nothing outside of a call. */
export function describeSite(site: FailureSite): string {
  const { group, op, sequence, bytesDone, bytesExpected } = site;
  if (op === undefined) return "";
  const progress = bytesExpected === undefined
    ? ""
    : ` after ${bytesDone} of ${bytesExpected} bytes`;
  return ` in ${op} ${sequence} of group [${group?.join(", ")}]${progress}`;
}
