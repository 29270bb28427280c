// Rendezvous: ranks that know only rank 0's address exchange the addresses of all.
//
//   rank r                        rank 0 (listens on host:port)
//     | proof, hello(join, r, address) -> |
//     | <- waiting(missing ranks) ------- |   whenever a rank joins, so that a rank that times out can name the missing ones
//     | <- table(addresses) ------------- |   when all have joined
//   then every pair of ranks opens a control link; those to rank 0 are the connections above.
//
// Every rank listens on one port: rank 0 on host:port, the others on an address that can be chosen (loopback by default).
// It also has a Unix socket, whose name is in the table too and which ranks of its host use.
// Rank 0's port stays open for the whole job, so a late or duplicate rank is refused, and a second job finds the port in use.

import { Acceptor, connectionKey } from "../wire/acceptor.ts";
import { ControlLink, type ControlListener } from "./control_link.ts";
import { Deadline, sleep } from "../wire/deadline.ts";
import { dial } from "../wire/dial.ts";
import {
  AuthenticationError,
  type JobKey,
  OtherProtocolError,
  RefusedError,
} from "../wire/handshake.ts";
import { TlsError } from "../wire/tls_errors.ts";
import { admissionCheck, alreadyJoined } from "./admission.ts";
import { type Hello, readMessage } from "../wire/control_message.ts";
import { type Address, type Connection, ConnectionClosedError } from "../wire/transport.ts";
import { BindError, listen, publishedAddress } from "./own_address.ts";
import type { ResolvedOptions } from "./world_options.ts";

/** Options of `rendezvous`. */
export interface RendezvousOptions extends ResolvedOptions {
  readonly key: JobKey;
  /** Fires when the world fails before all ranks have joined. */
  readonly failure: AbortSignal;
  /** The callbacks for the control link with a peer. */
  readonly listenerFor: (peer: number) => ControlListener;
}

/** The connections of a rank that has joined. The caller owns the acceptor and the links. */
export interface Membership {
  readonly acceptor: Acceptor;
  /** The address of each rank. */
  readonly addresses: readonly Address[];
  /** The control link with each peer. */
  readonly links: ReadonlyMap<number, ControlLink>;
}

/**
 * Joins the job.
 *
 * @throws {Error} if the port is in use, the secret differs, the rank is refused, or not all ranks join in time.
 */
export async function rendezvous(options: RendezvousOptions): Promise<Membership> {
  const links = new Map<number, ControlLink>();
  const { listeners, address } = await listen(options);
  const acceptor = new Acceptor(listeners, {
    key: options.key,
    address,
    admissionCheck: admissionCheck(options, (rank) => links.has(rank)),
  });
  using deadline = new Deadline(options.timeoutMs, options.failure);
  try {
    const joining = { ...options, acceptor, links, signal: deadline.signal };
    const addresses = options.rank === 0 ? await acceptAll(joining) : await join(joining);
    return { acceptor, addresses, links };
  } catch (error) {
    await acceptor.close();
    await Promise.all([...links.values()].map((link) => link.close()));
    options.failure.throwIfAborted();
    throw error;
  }
}

interface Joining extends RendezvousOptions {
  readonly acceptor: Acceptor;
  readonly links: Map<number, ControlLink>;
  readonly signal: AbortSignal;
}

/** Rank 0: waits for all others, then sends them all addresses. */
async function acceptAll(joining: Joining): Promise<readonly Address[]> {
  const { acceptor, links, worldSize, signal, listenerFor } = joining;
  const { host: hostname, port, advertise } = joining;
  const addresses: Address[] = [{ ...acceptor.address, hostname, port, ...advertise }];
  const complete = Promise.withResolvers<void>();
  const missing = () => peersOf(joining).filter((peer) => !links.has(peer));
  const toAll = (message: Parameters<ControlLink["send"]>[0]) =>
    Promise.all([...links.values()].map((link) => link.send(message)));

  acceptor.onJoin((hello, connection) => {
    if (links.has(hello.rank)) {
      const late = new ControlLink(connection, { message: () => {}, ended: () => {} });
      late.send({ kind: "refused", reason: alreadyJoined(hello.rank) }).then(() => late.close());
      return;
    }
    const link = new ControlLink(connection, {
      message: () => {},
      // It left before all had joined: its rank is free again.
      ended: () => {
        links.delete(hello.rank);
        link.close();
      },
    });
    links.set(hello.rank, link);
    addresses[hello.rank] = hello.address;
    if (links.size === worldSize - 1) complete.resolve();
    else toAll({ kind: "waiting", missing: missing() });
  });
  const giveUp = () => complete.reject(new Error(missingText(joining, missing())));
  signal.addEventListener("abort", giveUp);
  try {
    if (worldSize > 1) await complete.promise;
  } catch (error) {
    await toAll({
      kind: "refused",
      reason: error instanceof Error ? error.message : String(error),
    });
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
  for (const [peer, link] of links) link.listen(listenerFor(peer));
  await toAll({ kind: "table", addresses });
  return addresses;
}

/** Any other rank: dials rank 0, waits for the table, then connects to the other ranks. */
async function join(joining: Joining): Promise<readonly Address[]> {
  const { acceptor, links, rank, signal, listenerFor, key } = joining;
  const rankZero = await dialRankZero(joining);
  const addresses = await receiveAddresses(joining, rankZero);
  links.set(0, new ControlLink(rankZero, listenerFor(0)));
  await Promise.all(
    peersOf(joining).filter((peer) => peer !== 0).map(async (peer) => {
      try {
        const connection = peer < rank
          ? await dial(addresses[peer], {
            key,
            tls: joining.tls,
            hello: (connection) => helloTo(peer, joining, { purpose: "control", connection }),
            signal,
          })
          : await acceptor.take(
            connectionKey({ purpose: "control", group: "", rank: peer }),
            signal,
          );
        links.set(peer, new ControlLink(connection, listenerFor(peer)));
      } catch (cause) {
        throw new Error(`Rank ${rank} could not connect to rank ${peer}: ${messageOf(cause)}`, {
          cause,
        });
      }
    }),
  );
  return addresses;
}

/** Dials rank 0 until it accepts; it may start later than this rank. */
async function dialRankZero(joining: Joining): Promise<Connection> {
  const { rank, host, port, key, signal, timeoutMs } = joining;
  const where = `${host}:${port}`;
  let last: unknown;
  for (let delay = 20; !signal.aborted; delay = Math.min(2 * delay, 500)) {
    try {
      using attempt = new Deadline(ATTEMPT_TIMEOUT_MS, signal);
      const hello = (connection: Connection) =>
        helloTo(0, joining, { purpose: "join", connection });
      return await dial({ hostname: host, port }, {
        key,
        hello,
        tls: joining.tls,
        signal: attempt.signal,
      });
    } catch (cause) {
      if (cause instanceof OtherProtocolError || cause instanceof TlsError) {
        throw new Error(`Rank ${rank} cannot join at ${where}: ${cause.message}`, { cause });
      }
      if (cause instanceof AuthenticationError) {
        throw new Error(
          `Rank ${rank} cannot join at ${where}: ${cause.message}. Give all ranks of a job the same secret ` +
            "(MESHFACTOR_SECRET), and each job its own port (MASTER_PORT)",
          { cause },
        );
      }
      if (cause instanceof BindError) throw cause;
      if (cause instanceof RefusedError) throw refusedError(joining, cause);
      last = cause;
    }
    await sleep(delay, { signal });
  }
  throw new Error(
    `Rank ${rank} found no rank 0 at ${where} within ${timeoutMs} ms: start rank 0, or correct ` +
      `MASTER_ADDR and MASTER_PORT (last: ${messageOf(last)})${
        last instanceof ConnectionClosedError ? CLOSED : ""
      }`,
    { cause: last },
  );
}

async function receiveAddresses(
  joining: Joining,
  rankZero: Connection,
): Promise<readonly Address[]> {
  // Rank 0 times out at the same time and knows which ranks are missing: it would count this one if it left first.
  let closing: ReturnType<typeof setTimeout> | undefined;
  const close = () => closing = setTimeout(() => rankZero.close(), REFUSAL_GRACE_MS);
  joining.signal.addEventListener("abort", close);
  let missing: readonly number[] | undefined;
  try {
    while (true) {
      const message = await readMessage(rankZero);
      if (message.kind === "table") {
        joining.signal.throwIfAborted();
        return message.addresses;
      }
      if (message.kind === "refused") throw new RefusedError(message.reason);
      if (message.kind === "waiting") missing = message.missing;
    }
  } catch (cause) {
    rankZero.close();
    if (cause instanceof RefusedError) throw refusedError(joining, cause);
    if (joining.signal.aborted) throw new Error(missingText(joining, missing ?? []), { cause });
    throw new Error(
      `Rank 0 at ${joining.host}:${joining.port} left before all ranks had joined`,
      { cause },
    );
  } finally {
    joining.signal.removeEventListener("abort", close);
    clearTimeout(closing);
  }
}

function helloTo(
  to: number,
  { rank, worldSize, transport, acceptor, advertise }: Joining,
  { purpose, connection }: {
    readonly purpose: "join" | "control";
    readonly connection: Connection;
  },
): Hello {
  const address = publishedAddress({ rank, advertise }, acceptor.address, connection);
  return { kind: "hello", purpose, rank, to, worldSize, transport, address, group: "" };
}

function peersOf({ rank, worldSize }: RendezvousOptions): number[] {
  return Array.from({ length: worldSize }, (_, peer) => peer).filter((peer) => peer !== rank);
}

function refusedError({ rank, host, port }: Joining, cause: RefusedError): Error {
  return new Error(`Rank ${rank} cannot join at ${host}:${port}: ${cause.message}`, { cause });
}

function missingText(
  { worldSize, host, port, timeoutMs }: Joining,
  missing: readonly number[],
): string {
  const ranks = missing.length === 1 ? `Rank ${missing[0]}` : `Ranks ${missing.join(", ")}`;
  return `${ranks} of ${worldSize} did not join at ${host}:${port} within ${timeoutMs} ms: ` +
    "start them with the same MASTER_ADDR, MASTER_PORT and secret";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const CLOSED =
  "; whoever listens there closes connections: another program, or another version of Meshfactor";
const REFUSAL_GRACE_MS = 1_000;
const ATTEMPT_TIMEOUT_MS = 5_000;
