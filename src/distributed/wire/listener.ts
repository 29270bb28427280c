// A rank's listeners: one TCP port, from a range that can be set for firewalls, and a Unix socket for ranks of its host.
//
// The Unix socket is abstract (Linux): a random name of 128 bits in the network namespace instead of a file, so a killed
// rank leaves nothing behind, and ranks in other containers do not find it. A process that finds it still has to
// authenticate. On other systems, ranks of one host use TCP.

import { type Address, type Connection, overTcp, overUnix } from "./transport.ts";

/** Accepts connections. */
export interface Listener {
  /** The next connection; the caller owns it. */
  accept(): Promise<Connection>;
  /** Stops listening. */
  close(): void;
  /** Keeps the process alive while it listens. */
  ref(): void;
  /** Lets the process end although it listens. */
  unref(): void;
}

/** A listener on a TCP port. */
export interface PortListener extends Listener {
  readonly address: Address;
}

/** A listener on a Unix socket. */
export interface UnixListener extends Listener {
  readonly path: string;
}

/** Ports from `first` to `last`; 0 to 0 for any free one. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The address to listen on, and the rank that listens. */
export interface ListenOptions {
  readonly rank: number;
  readonly hostname: string;
  readonly ports: PortRange;
}

/**
 * Listens on a free port of the range, on `hostname` only. Each rank begins its search at another port.
 *
 * @throws {Error} with the address and ports, if none is free or the address is not one of this machine.
 */
export async function listenTcp(options: ListenOptions): Promise<PortListener> {
  const listener = await firstFree(
    options,
    (port) => Promise.resolve(Deno.listen({ hostname: options.hostname, port })),
  );
  return {
    address: { hostname: listener.addr.hostname, port: listener.addr.port },
    accept: async () => overTcp(await listener.accept()),
    close: () => listener.close(),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
  };
}

/** Listens on a Unix socket; undefined if the system has no abstract ones. */
export function listenUnix(): UnixListener | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const path = `\0meshfactor-${crypto.getRandomValues(new Uint8Array(16)).toHex()}`;
  const listener = Deno.listen({ transport: "unix", path });
  return {
    path,
    accept: async () => overUnix(await listener.accept()),
    close: () => listener.close(),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
  };
}

/** Calls `listen` for the ports of the range until one is not in use. */
export async function firstFree<T>(
  { rank, hostname, ports: { first, last } }: ListenOptions,
  listen: (port: number) => Promise<T>,
): Promise<T> {
  const numPorts = last - first + 1;
  for (let attempt = 0;; attempt++) {
    try {
      return await listen(first + (rank + attempt) % numPorts);
    } catch (cause) {
      const inUse = cause instanceof Deno.errors.AddrInUse;
      if (inUse && attempt + 1 < numPorts) continue;
      const where = `Rank ${rank} cannot listen on ${hostname}:${formatPorts({ first, last })}`;
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        inUse
          ? `${where} as ${inUseBy(rank, numPorts)}`
          : `${where} (${text}): give an address of this machine`,
        { cause },
      );
    }
  }
}

function inUseBy(rank: number, numPorts: number): string {
  if (numPorts > 1) return `all ${numPorts} ports are in use: give a wider range`;
  return rank === 0
    ? "it is in use, by another job or another rank 0: choose another MASTER_PORT"
    : "it is in use: give a wider range of ports";
}

/**
 * Parses `29500-29599` or `29500`.
 *
 * @throws {RangeError} if the text is neither, or not from 1 to 65535.
 */
export function parsePorts(text: string): PortRange {
  const parts = /^(\d+)(?:-(\d+))?$/.exec(text);
  const [first, last] = [Number(parts?.[1]), Number(parts?.[2] ?? parts?.[1])];
  if (!(first >= 1 && first <= last && last <= 65535)) {
    throw new RangeError(
      `A range of ports such as 29500-29599, from 1 to 65535, is needed, got "${text}"`,
    );
  }
  return { first, last };
}

function formatPorts({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}
