// Agreement of all surviving ranks on one error. Several ranks may detect a failure at the same time, each in another call.
//
//   a rank that detects a failure, or receives a report  ->  sends it to all peers, once per origin: all ranks get all reports
//   a rank that has received a report                    ->  adds none of its own: the first report that a rank sends is its
//                                                            own, or it has none
//   every living peer has sent one, or SETTLE_MS passed  ->  all reports are known, and that of the lowest rank is the error

import type { Clock } from "../wire/clock.ts";
import { firstWithin } from "../wire/deadline.ts";
import type { PeerLostError } from "./failure.ts";

/** A failure and the rank that detected it. */
export interface FailureReport {
  /** Global rank that detected it. */
  readonly origin: number;
  readonly error: PeerLostError;
}

/** Collects reports until all are known. */
export class FailureAgreement {
  readonly #reports = new Map<number, PeerLostError>();
  readonly #awaited: Set<number>;
  readonly #allHeard = Promise.withResolvers<void>();

  readonly #clock: Clock;

  /** `peers` are the global ranks that may still send a report. */
  constructor(peers: Iterable<number>, clock: Clock) {
    this.#clock = clock;
    this.#awaited = new Set(peers);
    this.heard(-1);
  }

  /** Adds a report; false if one of the same origin is known. */
  add({ origin, error }: FailureReport): boolean {
    if (this.#reports.has(origin)) return false;
    this.#reports.set(origin, error);
    return true;
  }

  /** This peer has sent a report, or will send none. */
  heard(peer: number): void {
    this.#awaited.delete(peer);
    if (this.#awaited.size === 0) this.#allHeard.resolve();
  }

  /** The error that all surviving ranks agree on. */
  async outcome(): Promise<PeerLostError> {
    await firstWithin([this.#allHeard.promise], { clock: this.#clock, milliseconds: SETTLE_MS });
    const [first] = [...this.#reports].sort(([a], [b]) => a - b);
    return first[1];
  }
}

/** How long to wait for a rank that sends nothing. */
const SETTLE_MS = 300;
