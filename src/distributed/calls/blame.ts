// Finds the rank that caused a failed call, and reports it to the world.
//
//   the connection has ended        -> the world finds out why: the peer died, left, or closed the group
//   the peer's header differs       -> the peer, with every field that differs
//   the peer's header is invalid    -> the peer: bytes were damaged, or it uses another protocol
//   a keyed sum is wrong            -> the connection with the peer: bytes were changed on their way
//   any other error                 -> this rank

import type { Clock } from "../wire/clock.ts";
import { describeSite, type FailureSite, PeerLostError } from "../failures/failure.ts";
import { difference, ForgedError, FrameError } from "../wire/frame.ts";
import { CallMismatch } from "./group_peer.ts";
import { ConnectionClosedError } from "../wire/transport.ts";

/** The interface of the world for its groups. */
export interface GroupHost {
  /** Global rank of this process. */
  readonly rank: number;
  /** Fires when the world has failed or is closed; every call then rejects with its reason. */
  readonly failure: AbortSignal;
  /** Milliseconds without progress after which a call counts as stalled. */
  readonly stallTimeoutMs: number;
  /** Measures time. */
  readonly clock: Clock;
  /** Fails the world. */
  fail(error: PeerLostError): Promise<void>;
  /** A peer's connection ended: fails the world, naming the rank that caused it. */
  ended(peer: number, site: FailureSite): Promise<void>;
  /** No bytes from `peer` for the stall timeout: finds the rank that stalls the job, and fails the world if there is one. */
  stalled(peer: number, site: FailureSite & { readonly id: string }): Promise<void>;
}

/** Fails the world with an error in the exchange with global rank `peer`. */
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
    const text = `Ranks ${host.rank} and ${peer} made different calls${where}: ${what}`;
    return await host.fail(new PeerLostError(peer, text, site));
  }
  if (cause instanceof ForgedError) {
    const text =
      `Rank ${host.rank} received what rank ${peer} did not send${where}: ${cause.message}`;
    return await host.fail(new PeerLostError(peer, text, { ...site, cause }));
  }
  const [culprit, what] = cause instanceof FrameError
    ? [peer, `Rank ${peer} sent invalid bytes`]
    : [host.rank, `Rank ${host.rank} failed`];
  const text = cause instanceof Error ? cause.message : String(cause);
  await host.fail(new PeerLostError(culprit, `${what}${where}: ${text}`, { ...site, cause }));
}
