// What went wrong with a peer, said the same way on every rank.
//
// A world fails once: the first failure that a rank sees or is told of becomes the reason of every pending and every
// later call of every group. It names the culprit by its global rank, whoever brought the news.

/** The collective that was running when a failure was noticed. */
export interface FailureSite {
  /** Global ranks of the group, in group order. */
  readonly group?: readonly number[];
  /** Name of the collective, such as `allReduce`. */
  readonly op?: string;
  /** Position of the collective in its group, from 0. */
  readonly sequence?: number;
  /** Bytes of it that this rank had received and sent. */
  readonly bytesDone?: number;
  /** Bytes of it that this rank has to receive and send. */
  readonly bytesExpected?: number;
}

/** A rank died, stalled, left too early, failed, or called another collective than its peers. */
export class PeerLostError extends Error {
  /** "PeerLostError" */
  override readonly name = "PeerLostError";
  /** Global rank of the culprit. */
  readonly rank: number;
  /** Global ranks of the group in which it was noticed, if a collective was running. */
  readonly group: readonly number[] | undefined;
  /** Name of the collective that was running, if any. */
  readonly op: string | undefined;
  /** Position of that collective in its group, from 0. */
  readonly sequence: number | undefined;
  /** Bytes of it that the rank that noticed had received and sent. */
  readonly bytesDone: number | undefined;
  /** Bytes of it that the rank that noticed has to receive and send. */
  readonly bytesExpected: number | undefined;

  /** Says that `rank` is lost and why; `site` is the collective in which that was noticed. */
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

/** `in allReduce 7 of group [0, 2] after 8 of 24 bytes`, or nothing outside of a collective. */
export function describeSite(site: FailureSite): string {
  const { group, op, sequence, bytesDone, bytesExpected } = site;
  if (op === undefined) return "";
  const progress = bytesExpected === undefined
    ? ""
    : ` after ${bytesDone} of ${bytesExpected} bytes`;
  return ` in ${op} ${sequence} of group [${group?.join(", ")}]${progress}`;
}
