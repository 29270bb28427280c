// Connecting to a rank: a connection, mutual proof of the secret, and a hello, all under one deadline.
//
// The connection is the rank's Unix socket if this host has it; else TCP or, where the job has certificates, TLS. Those of groups
// are streams over MPI, if the job uses it.

import { sleep } from "./deadline.ts";
import { authenticateToAcceptor, type JobKey } from "./handshake.ts";
import type { Hello } from "./control_message.ts";
import { connectMpi } from "./mpi/streams.ts";
import { tlsError } from "./tls_errors.ts";
import { connectTls, type TlsIdentity } from "./tls.ts";
import {
  type Address,
  type Connection,
  ConnectionClosedError,
  overTcp,
  overUnix,
} from "./transport.ts";

/** Options of `dial`. */
export interface DialOptions {
  readonly key: JobKey;
  /** The hello to send on a connection. */
  readonly hello: (connection: Connection) => Hello;
  /** Set if the job uses TLS. */
  readonly tls: TlsIdentity | undefined;
  /** Aborts all of it. */
  readonly signal: AbortSignal;
}

/**
 * Connects to the rank at `address`; the caller owns the connection. If the other end closes the connection before it is
 * authenticated, as happens under a flood of foreign connections, it is tried again.
 *
 * @throws {AuthenticationError | RefusedError} as `authenticateToAcceptor`, errors of Deno.connect, or the signal's reason.
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
    await authenticateToAcceptor(connection, { key, hello: hello(connection) });
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

/** Options of `connect`. */
export interface ConnectOptions {
  /** Set if the job uses TLS. */
  readonly tls: TlsIdentity | undefined;
  /** Aborts it. */
  readonly signal: AbortSignal;
}

/**
 * Connects to `address`; the caller owns the connection.
 *
 * @throws {TlsError} if the certificates do not fit, or the other end does not use TLS.
 * @throws {Error} as Deno.connect, with the address and port in the message, or the signal's reason.
 */
export async function connect(
  address: Address,
  { tls, signal }: ConnectOptions,
): Promise<Connection> {
  const { hostname, port, path, mpiRank } = address;
  if (mpiRank !== undefined) return await connectMpi(mpiRank, signal);
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
    const named = tls === undefined ? undefined : tlsError(cause);
    if (named !== undefined) throw named;
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

const RETRY_MS = 50;
