// Connecting to a rank: TCP, mutual proof, hello, all under one deadline.

import { connect } from "./connect.ts";
import { sleep } from "./deadline.ts";
import { introduce, type JobKey } from "./handshake.ts";
import type { Hello } from "./control_message.ts";
import type { TlsIdentity } from "./tls.ts";
import { type Address, type Connection, ConnectionClosedError } from "./transport.ts";

/** Whom to be, and until when. */
export interface DialOptions {
  readonly key: JobKey;
  /** What to say on a connection. */
  readonly hello: (connection: Connection) => Hello;
  /** Given where the job uses TLS. */
  readonly tls: TlsIdentity | undefined;
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
      await sleep(RETRY_MS, options);
      if (options.signal.aborted) throw error;
    }
  }
}

async function dialOnce(address: Address, options: DialOptions): Promise<Connection> {
  const { key, hello, tls, signal } = options;
  signal.throwIfAborted();
  const connection = await connect(address, { tls, signal });
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
