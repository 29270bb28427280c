// Polls pending operations until each has ended: MPI has no way to wake a process.
//
// A turn of the event loop takes some microseconds by setImmediate, a few milliseconds by a timer. So it polls at every turn
// while bytes move, and by a timer once nothing has moved for a while: a rank that waits for a slow peer leaves it the core.
// Between the two it pauses in each turn. Where ranks or other programs share a core, whoever polled without a pause would
// have used up its time when its peer's bytes come: an all-reduce of 8 bytes on 4 ranks and 2 cores took 5 ms without pauses,
// 0.2 ms with them.

import { clearImmediate, setImmediate } from "node:timers";

/** A pending operation. */
export interface Pending {
  /** Tries to go on; true if something has moved or the operation has ended. */
  poll(): boolean;
  /** Whether it keeps the process alive, and is polled at every turn. */
  readonly isUrgent: boolean;
}

/** Polls a set of operations. */
export class Progress {
  readonly #urgent = new Set<Pending>();
  readonly #others = new Set<Pending>();
  #movedAt = 0;
  #othersPolledAt = 0;
  #immediate: ReturnType<typeof setImmediate> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #interval: ReturnType<typeof setInterval> | undefined;

  /** Polls `operation` from now on, until it is deleted. */
  add(operation: Pending): void {
    if (operation.isUrgent) {
      this.#urgent.add(operation);
      this.#movedAt = performance.now();
      this.#schedule(this.#movedAt);
      return;
    }
    this.#others.add(operation);
    if (this.#interval !== undefined) return;
    this.#interval = setInterval(() => this.#pollOthers(performance.now()), LISTEN_MS);
    Deno.unrefTimer(this.#interval);
  }

  /** Does nothing if it is not polled. */
  delete(operation: Pending): void {
    this.#urgent.delete(operation);
    this.#others.delete(operation);
    if (this.#urgent.size === 0) this.#rest();
    if (this.#others.size > 0) return;
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  readonly #turn = (): void => {
    this.#immediate = undefined;
    this.#timer = undefined;
    const now = performance.now();
    let hasMoved = false;
    for (const operation of this.#urgent) if (operation.poll()) hasMoved = true;
    if (now - this.#othersPolledAt >= OTHERS_MS) this.#pollOthers(now);
    if (hasMoved) this.#movedAt = now;
    else if (now - this.#movedAt > SPIN_MS) Atomics.wait(SLEEPER, 0, 0, PAUSE_MS);
    this.#schedule(now);
  };

  #pollOthers(now: number): void {
    this.#othersPolledAt = now;
    for (const operation of this.#others) operation.poll();
  }

  /** Makes the next turn come as soon as it is needed. */
  #schedule(now: number): void {
    if (this.#urgent.size === 0 || this.#immediate !== undefined) return;
    if (now - this.#movedAt >= BUSY_MS) {
      this.#timer ??= setTimeout(this.#turn, 0);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#immediate = setImmediate(this.#turn);
  }

  #rest(): void {
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#immediate = undefined;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** How long it polls without a pause although nothing moves, */
const SPIN_MS = 0.03;
/** the length of a pause, to which the system adds some 60 microseconds, */
const PAUSE_MS = 0.01;
/** and how long it polls at every turn. */
const BUSY_MS = 20;
/** Shortest time between two polls of what is not urgent. */
const OTHERS_MS = 1;
/** How often it polls what is not urgent while nothing else is pending. */
const LISTEN_MS = 5;
const SLEEPER = new Int32Array(new SharedArrayBuffer(4));
