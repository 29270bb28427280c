// Connecting to a rank: TCP, mutual proof, hello, all under one deadline.

import { sleep } from "./deadline.ts";
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

const RETRY_MS = 50;
