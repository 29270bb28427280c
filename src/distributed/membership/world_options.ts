// How a rank joins a job: the options, their defaults, and what is wrong with them.

import {
  type AlgorithmOptions,
  type AlgorithmTables,
  parseAlgorithms,
} from "../calls/algorithm_table.ts";
import type { TlsIdentity } from "../wire/tls.ts";
import { parsePorts, type PortRange } from "../wire/listener.ts";

/** How a rank joins a job. */
export interface WorldOptions {
  /** This rank, from 0 to worldSize - 1. */
  readonly rank: number;
  /** Number of ranks. */
  readonly worldSize: number;
  /** Rank 0's host name or address; rank 0 listens on it. */
  readonly host: string;
  /** Rank 0's port. */
  readonly port: number;
  /** The job's secret, the same on every rank; may only be left out while `host` is a loopback address. */
  readonly secret?: string;
  /** This rank among those of its host; by default `rank`. */
  readonly localRank?: number;
  /** Address that this rank listens on; by default `host` for rank 0, else 127.0.0.1, which only this host reaches. */
  readonly bind?: string;
  /** Name of the network interface, such as `eth1`, whose address to listen on; instead of `bind`. */
  readonly interface?: string;
  /** Where others reach this rank, as `address` or `address:port`, if that is not where it listens. */
  readonly advertise?: string;
  /** Port that ranks other than 0 listen on, or a range such as `29501-29599`; by default any that is free. */
  readonly ports?: string;
  /** What ranks of one host talk by: Unix sockets where the system has abstract ones (Linux), or TCP. By default `unix`. */
  readonly sameHost?: "unix" | "tcp";
  /** Certificates for mutual TLS between hosts, on all ranks or on none; by default none. */
  readonly tls?: TlsIdentity;
  /** Folder for a record of the last calls, written when the world fails; by default none is written. */
  readonly dumpFolder?: string;
  /** Milliseconds in which all ranks must have joined, and in which a group must be connected; by default 120 000. */
  readonly timeoutMs?: number;
  /** Milliseconds without a byte moved in a running collective after which a rank is to blame; by default 60 000. */
  readonly stallTimeoutMs?: number;
  /** Which algorithms run which calls, as text that algorithm_table.ts explains; the same on every rank. */
  readonly algorithms?: AlgorithmOptions;
}

/** Options that are whole and valid. */
export interface ResolvedOptions {
  readonly rank: number;
  readonly worldSize: number;
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  readonly localRank: number;
  readonly bind: string;
  /** The port only where it was given. */
  readonly advertise: { readonly hostname: string; readonly port?: number } | undefined;
  readonly ports: PortRange;
  readonly sameHost: "unix" | "tcp";
  readonly tls: TlsIdentity | undefined;
  readonly dumpFolder: string | undefined;
  readonly timeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly algorithms: AlgorithmTables;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError | TypeError} if an option is out of range, or the secret is missing where others can reach the job.
 */
export function withDefaults(options: WorldOptions): ResolvedOptions {
  const { rank, worldSize, host, port } = options;
  if (!Number.isInteger(worldSize) || worldSize < 1) {
    throw new RangeError(`The number of ranks must be a positive integer, got ${worldSize}`);
  }
  if (!Number.isInteger(rank) || rank < 0 || rank >= worldSize) {
    throw new RangeError(`Rank ${rank} is out of range: ranks are 0 to ${worldSize - 1}`);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError(`The port of rank 0 must be from 1 to 65535, got ${port}`);
  }
  if (options.secret === undefined && worldSize > 1 && !isLoopback(host)) {
    throw new TypeError(
      `A job at ${host}, which other hosts reach, needs a secret: give all ranks the same one (MESHFACTOR_SECRET)`,
    );
  }
  return {
    rank,
    worldSize,
    host,
    port,
    secret: options.secret ?? "",
    localRank: options.localRank ?? rank,
    bind: bindAddress(options),
    advertise: options.advertise === undefined ? undefined : parseAddress(options.advertise),
    ports: options.ports === undefined ? ANY_PORT : parsePorts(options.ports),
    sameHost: options.sameHost ?? "unix",
    tls: options.tls,
    dumpFolder: options.dumpFolder,
    timeoutMs: positive(options.timeoutMs ?? 120_000, "timeoutMs"),
    stallTimeoutMs: positive(options.stallTimeoutMs ?? 60_000, "stallTimeoutMs"),
    algorithms: parseAlgorithms(options.algorithms),
  };
}

function bindAddress(options: WorldOptions): string {
  if (options.bind !== undefined && options.interface !== undefined) {
    throw new TypeError(
      "Give `bind` or `interface`, not both: each says which address to listen on",
    );
  }
  if (options.interface !== undefined) return addressOfInterface(options.interface);
  return options.bind ?? (options.rank === 0 ? options.host : "127.0.0.1");
}

/** Reads `address`, `address:port` or `[address]:port`. */
function parseAddress(text: string): { readonly hostname: string; readonly port?: number } {
  const parts = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text);
  if (parts === null) {
    // An IPv6 address without a port has colons of its own.
    if (/^[0-9a-fA-F:.]+$/.test(text)) return { hostname: text };
    throw new RangeError(
      `An address to advertise is \`address\` or \`address:port\`, got "${text}"`,
    );
  }
  const hostname = parts[1] ?? parts[2];
  return parts[3] === undefined ? { hostname } : { hostname, port: parsePorts(parts[3]).first };
}

/** What is known of one address of this machine. */
export type InterfaceAddress = Pick<
  Deno.NetworkInterfaceInfo,
  "name" | "family" | "address"
>;

/**
 * The first IPv4 address of the interface `name`, or else its first IPv6 address that is valid beyond the link.
 *
 * @throws {RangeError} naming the interfaces that this machine has.
 */
export function addressOfInterface(
  name: string,
  addresses: readonly InterfaceAddress[] = Deno.networkInterfaces(),
): string {
  const own = addresses.filter((each) => each.name === name);
  const found = own.find(({ family }) => family === "IPv4") ??
    own.find(({ address }) => !address.toLowerCase().startsWith("fe80:"));
  if (found !== undefined) return found.address;
  const names = [...new Set(addresses.map((each) => each.name))].join(", ");
  throw new RangeError(
    own.length > 0
      ? `The network interface ${name} has no address that other hosts reach`
      : `This machine has no network interface ${name}: it has ${names}`,
  );
}

function positive(value: number, name: string): number {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`${name} must be a positive number of milliseconds, got ${value}`);
  }
  return value;
}

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

const ANY_PORT: PortRange = { first: 0, last: 0 };
