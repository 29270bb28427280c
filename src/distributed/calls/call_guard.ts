// Failures of a group's calls: detected here, attributed to the rank that caused them, and the same error for all calls.
//
//   a connection fails        -> blame.ts          no progress for the stall timeout -> stall.ts
//   a signal fires            -> the world fails, as the peers are in the middle of the call
//   the world fails or closes -> every call rejects with its reason

import type { Alarm } from "../wire/clock.ts";
import { type GroupHost, reportFailure } from "./blame.ts";
import { describeSite, type FailureSite, PeerLostError } from "../failures/failure.ts";
import { type GroupProgress, type RunningCall, watchForStall } from "../failures/stall.ts";

/** Watches the calls of one group. */
export class CallGuard {
  readonly #host: GroupHost;
  readonly #ranks: readonly number[];
  readonly #progress: GroupProgress;
  #watch: Alarm | undefined;
  #closed = false;

  /** `ranks` are global, in group order. */
  constructor(host: GroupHost, ranks: readonly number[], progress: GroupProgress) {
    this.#host = host;
    this.#ranks = ranks;
    this.#progress = progress;
  }

  /** Notes that a call begins. One timer watches all calls of the group; it does not keep the process alive. */
  begin(call: RunningCall): void {
    const progress = this.#progress;
    progress.running = call;
    progress.moves++;
    this.#watch ??= watchForStall(progress, {
      clock: this.#host.clock,
      timeoutMs: this.#host.stallTimeoutMs,
      stalled: (rank) =>
        this.#host.stalled(rank, { ...progress.running?.site, id: progress.group }),
    });
  }

  /** Fails the world with an error in the exchange with a peer (a group rank). */
  async reportFailure(peer: number, site: FailureSite, cause: unknown): Promise<void> {
    if (this.#closed || this.#host.failure.aborted) return;
    await reportFailure(this.#ranks[peer], { host: this.#host, site, cause });
  }

  /**
   * Fails the world if `signal` fires before the call at `site` has ended; the call then rejects, even if it has received
   * everything meanwhile.
   */
  async abortable(
    call: Promise<void>,
    { signal, site }: { readonly signal: AbortSignal; readonly site: () => FailureSite },
  ): Promise<void> {
    let ending: Promise<void> | undefined;
    const abort = () => {
      const { rank } = this.#host;
      const why = signal.reason instanceof Error ? signal.reason.message : String(signal.reason);
      const at = site();
      const text = `Rank ${rank} aborted${describeSite(at)}: ${why}`;
      ending = this.#host.fail(new PeerLostError(rank, text, { ...at, cause: signal.reason }));
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      await call;
    } finally {
      signal.removeEventListener("abort", abort);
    }
    await ending;
    if (ending !== undefined) this.#host.failure.throwIfAborted();
  }

  /** The reason with which a call that failed with `error` rejects: the world's failure if there is one. */
  reasonFor(error: unknown): unknown {
    try {
      this.requireOpen();
    } catch (reason) {
      return reason;
    }
    return error;
  }

  /** @throws {Error} if the world has failed or is closed, or the group is. */
  requireOpen(): void {
    this.#host.failure.throwIfAborted();
    if (this.#closed) {
      throw new Error(`The group of ranks [${this.#ranks.join(", ")}] is destroyed`);
    }
  }

  /** Makes later calls reject; false if it was closed before. */
  close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#watch?.stop();
    return true;
  }
}
