// The options of joining a job: their defaults and their validation.

import {
  type AlgorithmOptions,
  type AlgorithmTables,
  parseAlgorithms,
} from "../calls/algorithm_table.ts";
import type { Transport } from "../wire/control_message.ts";
import type { TlsIdentity } from "../wire/tls.ts";
import { parsePorts, type PortRange } from "../wire/listener.ts";
import type { Integrity } from "../wire/session.ts";
import { requireStrongSecret, SECRET_ADVICE } from "../wire/secret.ts";

/**
 * Options of `launch()`.
 *
 * @category Distributed
 */
export interface WorldOptions {
  /** This rank, from 0 to worldSize - 1. */
  readonly rank: number;
  /** Number of ranks. */
  readonly worldSize: number;
  /** Rank 0's host name or address; rank 0 listens on it. */
  readonly host: string;
  /** Rank 0's port. */
  readonly port: number;
  /**
   * The job's secret, the same on every rank, of 128 bits or more. Optional only where nothing listens beyond this host; then
   * all ranks of one user share a secret by a file. An empty one is none.
   */
  readonly secret?: string;
  /** This rank among those of its host. Default: `rank`. */
  readonly localRank?: number;
  /** Address that this rank listens on. Default: `host` for rank 0, else 127.0.0.1, which only this host reaches. */
  readonly bind?: string;
  /** Name of the network interface, such as `eth1`, whose address to listen on; instead of `bind`. */
  readonly interface?: string;
  /** Address at which others reach this rank, as `address` or `address:port`, if it is not the one it listens on. */
  readonly advertise?: string;
  /** Port that ranks other than 0 listen on, or a range such as `29501-29599`. Default: any free port. */
  readonly ports?: string;
  /** Transport between ranks of one host: Unix sockets where the system has abstract ones (Linux), or TCP. Default: `unix`. */
  readonly sameHost?: "unix" | "tcp";
  /** Sums that follow what is sent over plain TCP (see `Integrity`), the same on every rank. Default: `keyed`. */
  readonly integrity?: Integrity;
  /**
   * What moves the bytes of groups, the same on every rank: sockets, or streams over MPI, whose launcher must have started the
   * ranks. Control messages go over sockets in any case. Default: `sockets`.
   */
  readonly transport?: Transport;
  /** Certificates for mutual TLS between hosts, on all ranks or on none. Default: none. */
  readonly tls?: TlsIdentity;
  /** Folder for a dump of the last calls, written when the world fails. Default: none is written. */
  readonly dumpFolder?: string;
  /** Milliseconds within which all ranks must join, and within which a group must connect. Default: 120 000. */
  readonly timeoutMs?: number;
  /** Milliseconds without progress in a running call after which the stalled rank is lost. Default: 60 000. */
  readonly stallTimeoutMs?: number;
  /**
   * Milliseconds that a rank may take to make a call that others wait in, although it answers: it may compute, or have left the call
   * out. Default: 1 800 000, half an hour.
   */
  readonly slowTimeoutMs?: number;
  /** Tables that choose the algorithms of calls, in the syntax of algorithm_table.ts; the same on every rank. */
  readonly algorithms?: AlgorithmOptions;
}

/** Validated options with defaults. */
export interface ResolvedOptions {
  readonly rank: number;
  readonly worldSize: number;
  readonly host: string;
  readonly port: number;
  /** Undefined if none was given. */
  readonly secret: string | undefined;
  readonly localRank: number;
  readonly bind: string;
  /** With a port only if one was given. */
  readonly advertise: { readonly hostname: string; readonly port?: number } | undefined;
  readonly ports: PortRange;
  readonly sameHost: "unix" | "tcp";
  readonly integrity: Integrity;
  readonly transport: Transport;
  readonly tls: TlsIdentity | undefined;
  readonly dumpFolder: string | undefined;
  readonly timeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly slowTimeoutMs: number;
  readonly algorithms: AlgorithmTables;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError | TypeError} if an option is out of range, the secret is weak, or it is missing although other hosts
 * can connect.
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
  const bind = bindAddress(options);
  const advertise = options.advertise === undefined ? undefined : parseAddress(options.advertise);
  const secret = options.secret || undefined;
  if (secret !== undefined) requireStrongSecret(secret);
  else if (worldSize > 1) {
    if (!isLoopback(host)) {
      throw new TypeError(
        `A job at ${host}, which other hosts reach, needs a secret: ${SECRET_ADVICE}`,
      );
    }
    for (const hostname of [bind, ...(advertise === undefined ? [] : [advertise.hostname])]) {
      requireLoopback(rank, hostname);
    }
  }
  return {
    rank,
    worldSize,
    host,
    port,
    secret,
    localRank: options.localRank ?? rank,
    bind,
    advertise,
    ports: options.ports === undefined ? ANY_PORT : parsePorts(options.ports),
    sameHost: options.sameHost ?? "unix",
    integrity: options.integrity ?? "keyed",
    transport: options.transport ?? "sockets",
    tls: options.tls,
    dumpFolder: options.dumpFolder,
    timeoutMs: duration(options.timeoutMs ?? 120_000, "timeoutMs"),
    stallTimeoutMs: duration(options.stallTimeoutMs ?? 60_000, "stallTimeoutMs"),
    slowTimeoutMs: duration(options.slowTimeoutMs ?? 1_800_000, "slowTimeoutMs"),
    algorithms: parseAlgorithms(options.algorithms),
  };
}

function bindAddress(options: WorldOptions): string {
  if (options.bind !== undefined && options.interface !== undefined) {
    throw new TypeError(
      "Give `bind` or `interface`, not both: each sets the address to listen on",
    );
  }
  if (options.interface !== undefined) return addressOfInterface(options.interface);
  return options.bind ?? (options.rank === 0 ? options.host : "127.0.0.1");
}

/** Parses `address`, `address:port` or `[address]:port`. */
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

/** One address of this machine. */
export type InterfaceAddress = Pick<
  Deno.NetworkInterfaceInfo,
  "name" | "family" | "address"
>;

/**
 * The first IPv4 address of the interface `name`, or else its first IPv6 address that is valid beyond the link.
 *
 * @throws {RangeError} that lists the interfaces of this machine, if it has no such one.
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

function duration(value: number, name: string): number {
  if (!(value > 0 && value <= MOST_MS)) {
    throw new RangeError(
      `${name} must be a number of milliseconds above 0 and at most ${MOST_MS} (24 days), got ${value}`,
    );
  }
  return value;
}

/**
 * Refuses an address that others reach, for a rank without a secret.
 *
 * @throws {TypeError} that tells how to make a secret.
 */
export function requireLoopback(rank: number, hostname: string): void {
  if (isLoopback(hostname)) return;
  throw new TypeError(
    `Rank ${rank} would listen on ${hostname}, which other hosts reach, and has no secret: ${SECRET_ADVICE}`,
  );
}

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" ||
    /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(host);
}

const ANY_PORT: PortRange = { first: 0, last: 0 };

/** A timer of more would ring at once. */
const MOST_MS = 2 ** 31 - 1;
