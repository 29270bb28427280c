// Waiting that ends: a signal with a clock, a sleep, the first of some promises. None leaves a timer behind.

import { type Alarm, type Clock, systemClock } from "./clock.ts";

/** A signal that fires after a time, or with another signal; dispose it to stop the clock. */
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

/** How to wait. */
export interface Patience {
  /** By default this process's. */
  readonly clock?: Clock;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/** Resolves after a time, or when `signal` fires. */
export function sleep(
  milliseconds: number,
  { clock = systemClock, signal }: Patience,
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
 * The first of `promises`, or undefined after a time. Time in which this thread was busy with something else hardly
 * counts, as what has arrived meanwhile could not be seen.
 */
export async function soon<T>(
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
