// Connecting to a rank: TCP, mutual proof, hello, all under one deadline.

import { introduce, type JobKey } from "./handshake.ts";
import type { Hello } from "./message.ts";
import { type Address, connect, type Connection, ConnectionClosedError } from "./transport.ts";

/** Whom to be, and until when. */
export interface DialOptions {
  readonly key: JobKey;
  /** What to say on a connection. */
  readonly hello: (connection: Connection) => Hello;
  /** Bounds all of it. */
  readonly signal: AbortSignal;
}

/**
 * Connects to the rank at `address`; the caller owns the connection. A connection that is dropped before it is proved,
 * as happens to some while strays flood the other end, is tried again.
 *
 * @throws {ProofError | RefusedError} as `introduce` does, what Deno.connect throws, or the signal's reason.
 */
export async function dial(address: Address, options: DialOptions): Promise<Connection> {
  while (true) {
    try {
      return await dialOnce(address, options);
    } catch (error) {
      if (!(error instanceof ConnectionClosedError)) throw error;
      await sleep(RETRY_MS, options.signal);
    }
  }
}

async function dialOnce(address: Address, options: DialOptions): Promise<Connection> {
  const { key, hello, signal } = options;
  signal.throwIfAborted();
  const connection = await connect(address, signal);
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    await introduce(connection, { key, hello: hello(connection) });
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

const RETRY_MS = 50;
