// This rank's listeners, and the address at which other ranks reach them.

import { type Listener, listenTcp, listenUnix } from "../wire/listener.ts";
import { listenMpi } from "../wire/mpi/streams.ts";
import { listenTls } from "../wire/tls.ts";
import { requireIdentity } from "../wire/tls_identity.ts";
import type { Address, Connection } from "../wire/transport.ts";
import { isLoopback, requireLoopback, type ResolvedOptions } from "./world_options.ts";

/**
 * Opens this rank's listeners.
 *
 * @throws {TypeError} as `requireIdentity`, or if there is no secret although other hosts reach the address that is bound, whatever its name is.
 */
export async function listen(
  options: ResolvedOptions,
): Promise<{ readonly listeners: readonly Listener[]; readonly address: Address }> {
  const { rank, bind, port, ports, tls } = options;
  const where = {
    rank,
    hostname: bind,
    ports: rank === 0 ? { first: port, last: port } : ports,
  };
  if (tls !== undefined) requireIdentity(tls, { now: new Date(), address: reachedAt(options) });
  const open = () => tls === undefined ? listenTcp(where) : listenTls(where, tls);
  let tcp = await open();
  if (rank !== 0 && tcp.address.port === port) {
    // The port of rank 0, which is not listening yet: kept until another is found, then released.
    const taken = tcp;
    try {
      tcp = await open();
    } finally {
      taken.close();
    }
  }
  if (options.secret === undefined) {
    try {
      requireLoopback(rank, tcp.address.hostname);
    } catch (error) {
      tcp.close();
      throw error;
    }
  }
  const unix = options.sameHost === "unix" ? listenUnix() : undefined;
  const address = unix === undefined ? tcp.address : { ...tcp.address, path: unix.path };
  const others = options.transport === "mpi" ? [listenMpi()] : [];
  return { listeners: [tcp, ...(unix === undefined ? [] : [unix]), ...others], address };
}

/** The name or address by which others reach this rank; undefined if it follows from their connections. */
function reachedAt(
  { rank, host, bind, advertise, sameHost }: ResolvedOptions,
): string | undefined {
  const own = advertise?.hostname ?? (rank === 0 ? host : bind);
  // Others of this host use its Unix socket, without TLS.
  const isLocal = rank !== 0 && isLoopback(own) && sameHost === "unix";
  return ANY_ADDRESS.has(own) || isLocal ? undefined : own;
}

/**
 * The address to publish: the one that is to be advertised, or the one it listens on or, if that is every address, the local
 * one of `connection`.
 *
 * @throws {BindError} if it listens on a loopback address and its peers are on other hosts.
 */
export function publishedAddress(
  { rank, advertise }: Pick<ResolvedOptions, "rank" | "advertise">,
  listening: Address,
  connection: Connection,
): Address {
  if (advertise !== undefined) return { ...listening, ...advertise };
  const { localHostname: here, remoteHostname: there } = connection;
  if (ANY_ADDRESS.has(listening.hostname)) return { ...listening, hostname: here };
  if (isLoopback(listening.hostname) && !isLoopback(there) && here !== there) {
    throw new BindError(
      `Rank ${rank} listens on ${listening.hostname}, which the ranks at ${there} cannot reach: ` +
        `give it the address of its network interface as \`bind\`, such as ${here}, or the interface's name`,
    );
  }
  return listening;
}

/** This rank listens on an address that its peers cannot reach. */
export class BindError extends Error {}

const ANY_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
