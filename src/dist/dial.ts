// Connecting to a rank: TCP, mutual proof, hello, all under one deadline.

import { introduce, type JobKey } from "./handshake.ts";
import type { Hello } from "./message.ts";
import { type Address, connect, type Connection } from "./transport.ts";

/** Connects to the rank at `address`; `signal` bounds all of it. The caller owns the connection. */
export async function dial(
  address: Address,
  { key, hello, signal }: {
    readonly key: JobKey;
    readonly hello: Hello;
    readonly signal: AbortSignal;
  },
): Promise<Connection> {
  signal.throwIfAborted();
  const connection = await connect(address, signal);
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    await introduce(connection, { key, hello });
    signal.throwIfAborted();
    return connection;
  } catch (error) {
    connection.close();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

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
