// The way to a rank: its Unix socket if this host has it, else its port, by TCP or, where the job has certificates, TLS.

import { connectTls, type TlsIdentity } from "./tls.ts";
import { type Address, type Connection, overTcp, overUnix } from "./transport.ts";

/** How to connect. */
export interface ConnectOptions {
  /** Given where the job uses TLS. */
  readonly tls: TlsIdentity | undefined;
  /** Gives up when it fires. */
  readonly signal: AbortSignal;
}

/**
 * Connects to `address`; the caller owns the connection.
 *
 * @throws {Error} what Deno.connect throws, with the address and port in its message, or the signal's reason.
 */
export async function connect(
  address: Address,
  { tls, signal }: ConnectOptions,
): Promise<Connection> {
  const { hostname, port, path } = address;
  if (path !== undefined) {
    const local = await connectUnix(path);
    if (local !== undefined) return local;
  }
  try {
    return tls === undefined
      ? overTcp(await Deno.connect({ hostname, port, signal }))
      : await connectTls(address, { identity: tls, signal });
  } catch (cause) {
    signal.throwIfAborted();
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot connect to ${hostname}:${port}: ${text}`, { cause });
  }
}

/** A connection to the abstract Unix socket `path`; undefined if this host and network namespace have none. */
async function connectUnix(path: string): Promise<Connection | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return overUnix(await Deno.connect({ transport: "unix", path }));
  } catch (cause) {
    if (cause instanceof Deno.errors.ConnectionRefused) return undefined;
    throw cause;
  }
}
