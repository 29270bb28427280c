// A value that the functions called within `run` see, across their awaits and in whatever they start, and no others do. The platform
// keeps it: a global variable would leak into whatever else runs between two awaits.

import { AsyncLocalStorage } from "node:async_hooks";

/** A value per asynchronous context. */
export class AsyncScope<Value extends object> {
  readonly #storage = new AsyncLocalStorage<Value>();
  /** Number of calls that run: without any, nobody pays for looking. */
  #open = 0;

  /** The value of the innermost `run` that the caller is within. */
  get current(): Value | undefined {
    return this.#open === 0 ? undefined : this.#storage.getStore();
  }

  /** Calls `f` with the value; `end` is called with its result, or with what its promise resolves to, and `failed` if it throws. */
  run<Result>(value: Value, { f, end, failed }: {
    readonly f: () => Result;
    readonly end?: (result: Awaited<Result>) => void;
    readonly failed?: () => void;
  }): Result {
    const close = (then?: () => void) => {
      this.#open--;
      then?.();
    };
    this.#open++;
    let result: Result;
    try {
      result = this.#storage.run(value, f);
    } catch (error) {
      close(failed);
      throw error;
    }
    if (!(result instanceof Promise)) {
      close(() => end?.(result as Awaited<Result>));
      return result;
    }
    return result.then(
      (result) => {
        close(() => end?.(result));
        return result;
      },
      (error) => {
        close(failed);
        throw error;
      },
    ) as Result;
  }
}
