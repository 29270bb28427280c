// Bounded waits: a signal with a timeout, a sleep, a race with a timeout. None leaves a timer behind.

import { type Alarm, type Clock, systemClock } from "./clock.ts";

/** A signal that fires after a timeout, or with another signal; dispose it to clear the timer. */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #parent: AbortSignal | undefined;
  readonly #follow = (): void => this.#controller.abort(this.#parent?.reason);

  /** Fires `milliseconds` from now, or when `parent` does. */
  constructor(milliseconds: number, parent?: AbortSignal) {
    this.#timer = setTimeout(
      () => this.#controller.abort(new DOMException("The deadline has passed", "TimeoutError")),
      milliseconds,
    );
    this.#parent = parent;
    if (parent?.aborted) this.#follow();
    parent?.addEventListener("abort", this.#follow);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#parent?.removeEventListener("abort", this.#follow);
  }
}

/** Options of `sleep`. */
export interface SleepOptions {
  /** Default: this process's clock. */
  readonly clock?: Clock;
  /** Ends the sleep. */
  readonly signal: AbortSignal;
}

/** Resolves after `milliseconds`, or when `signal` fires. */
export function sleep(
  milliseconds: number,
  { clock = systemClock, signal }: SleepOptions,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      alarm.stop();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const alarm = clock.once(milliseconds, done);
    signal.addEventListener("abort", done);
  });
}

/**
 * The first of `promises` to settle, or undefined after a timeout. Time in which this thread was busy with other work hardly
 * counts, as it could not process what arrived meanwhile.
 */
export async function firstWithin<T>(
  promises: readonly (Promise<T> | undefined)[],
  { clock, milliseconds }: { readonly clock: Clock; readonly milliseconds: number },
): Promise<T | undefined> {
  let alarm: Alarm | undefined;
  const slice = Math.min(milliseconds, SLICE_MS);
  const timeout = new Promise<undefined>((resolve) => {
    const wait = (left: number) => {
      if (left <= 0) resolve(undefined);
      else alarm = clock.once(slice, () => wait(left - slice));
    };
    wait(milliseconds);
  });
  try {
    return await Promise.race([...promises.filter((each) => each !== undefined), timeout]);
  } finally {
    alarm?.stop();
  }
}

/** Resolves when `signal` fires. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

const SLICE_MS = 50;
