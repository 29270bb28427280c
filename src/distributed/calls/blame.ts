// Who is to blame when a call fails, and what its world is told.
//
//   the connection has ended        -> the world finds out why: died, left in order, or closed
//   the peer's header is another    -> the peer, with all that differs
//   the peer's header is none       -> the peer: bytes were corrupted, or it speaks something else
//   anything else                   -> this rank: the error is its own

import type { Clock } from "../wire/clock.ts";
import { describeSite, type FailureSite, PeerLostError } from "../failures/failure.ts";
import { difference, FrameError } from "../wire/frame.ts";
import { CallMismatch } from "./group_peer.ts";
import { ConnectionClosedError } from "../wire/transport.ts";

/** What a group needs of the world it belongs to. */
export interface GroupHost {
  /** Global rank of this process. */
  readonly rank: number;
  /** Fires when the world has failed or is closed; its reason is what every call rejects with. */
  readonly failure: AbortSignal;
  /** Milliseconds without a byte moved after which somebody is to blame. */
  readonly stallTimeoutMs: number;
  /** Measures them. */
  readonly clock: Clock;
  /** Fails the world. */
  fail(error: PeerLostError): Promise<void>;
  /** A peer's connection ended: fails the world, naming the rank at the root of it. */
  ended(peer: number, site: FailureSite): Promise<void>;
  /** No bytes came from `peer` for the stall timeout: finds who holds everybody up, and fails the world if anyone does. */
  stalled(peer: number, site: FailureSite & { readonly id: string }): Promise<void>;
}

/** Fails the world over what went wrong with global rank `peer`. */
export async function reportFailure(
  peer: number,
  { host, site, cause }: {
    readonly host: GroupHost;
    readonly site: FailureSite;
    readonly cause: unknown;
  },
): Promise<void> {
  const where = describeSite(site);
  if (cause instanceof ConnectionClosedError) return await host.ended(peer, site);
  if (cause instanceof CallMismatch) {
    const mine = { rank: host.rank, header: cause.mine };
    const what = difference(mine, { rank: peer, header: cause.theirs });
    const text = `Ranks ${host.rank} and ${peer} do not make the same call${where}: ${what}`;
    return await host.fail(new PeerLostError(peer, text, site));
  }
  const [culprit, what] = cause instanceof FrameError
    ? [peer, `Rank ${peer} sent bytes that are no frame`]
    : [host.rank, `Rank ${host.rank} failed`];
  const text = cause instanceof Error ? cause.message : String(cause);
  await host.fail(new PeerLostError(culprit, `${what}${where}: ${text}`, { ...site, cause }));
}
