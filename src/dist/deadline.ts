// Waiting that ends: a signal with a clock, a sleep, the first of some promises. None leaves a timer behind.

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

/** Resolves after a time, or when `signal` fires. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}

/**
 * The first of `promises`, or undefined after a time. Time in which this thread was busy with something else hardly
 * counts, as what has arrived meanwhile could not be seen.
 */
export async function soon<T>(
  milliseconds: number,
  promises: readonly (Promise<T> | undefined)[],
): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const slice = Math.min(milliseconds, SLICE_MS);
  const timeout = new Promise<undefined>((resolve) => {
    const wait = (left: number) => {
      if (left <= 0) resolve(undefined);
      else timer = setTimeout(() => wait(left - slice), slice);
    };
    wait(milliseconds);
  });
  try {
    return await Promise.race([...promises.filter((each) => each !== undefined), timeout]);
  } finally {
    clearTimeout(timer);
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
