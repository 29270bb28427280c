// One error for all survivors. Several ranks may notice a failure at the same moment, each in another call.
//
//   whoever notices, or is told by another   ->  tells all peers, once per rank that noticed: every rank hears of all
//   whoever has been told                    ->  notices nothing of its own any more: the first thing that a rank tells
//                                                is its own finding, or it has none
//   when every peer that still lives has heard, or SETTLE_MS have passed
//                                            ->  all findings are known, and the one of the lowest rank counts

import type { Clock } from "../wire/clock.ts";
import { firstWithin } from "../wire/deadline.ts";
import type { PeerLostError } from "./failure.ts";

/** What a rank has noticed. */
export interface FailureReport {
  /** Global rank that noticed it. */
  readonly origin: number;
  readonly error: PeerLostError;
}

/** Collects findings until they can be settled. */
export class FailureAgreement {
  readonly #reports = new Map<number, PeerLostError>();
  readonly #awaited: Set<number>;
  readonly #allHeard = Promise.withResolvers<void>();

  readonly #clock: Clock;

  /** `peers` are the global ranks that may still speak. */
  constructor(peers: Iterable<number>, clock: Clock) {
    this.#clock = clock;
    this.#awaited = new Set(peers);
    this.heard(-1);
  }

  /** Adds a finding; false if one of the same origin is known. */
  add({ origin, error }: FailureReport): boolean {
    if (this.#reports.has(origin)) return false;
    this.#reports.set(origin, error);
    return true;
  }

  /** This peer has told a finding, or will tell none. */
  heard(peer: number): void {
    this.#awaited.delete(peer);
    if (this.#awaited.size === 0) this.#allHeard.resolve();
  }

  /** The error that all survivors agree on. */
  async outcome(): Promise<PeerLostError> {
    await firstWithin([this.#allHeard.promise], { clock: this.#clock, milliseconds: SETTLE_MS });
    const [first] = [...this.#reports].sort(([a], [b]) => a - b);
    return first[1];
  }
}

/** How long a rank that does not speak is waited for. */
const SETTLE_MS = 300;
