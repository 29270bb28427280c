// SIGINT (Ctrl-C) and SIGTERM as an AbortSignal: a command that starts processes stops them before it exits.

/** Aborts a signal when this process is asked to stop. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #stop = (): void => this.#controller.abort();

  /** Listens until disposed. */
  constructor() {
    for (const name of STOP_SIGNALS) Deno.addSignalListener(name, this.#stop);
  }

  /** Aborted when the process is asked to stop. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    for (const name of STOP_SIGNALS) Deno.removeSignalListener(name, this.#stop);
  }
}

const STOP_SIGNALS = Deno.build.os === "windows"
  ? (["SIGINT"] as const)
  : (["SIGINT", "SIGTERM"] as const);
