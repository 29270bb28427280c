// The search for the rank that a stalled job waits for, by questions over the control links (failures/stall.ts), and the signs of life of
// peers: every message is one.

import type { Clock } from "../wire/clock.ts";
import type { ProgressQuery, ProgressReply } from "../wire/control_message.ts";
import { firstWithin, whenAborted } from "../wire/deadline.ts";
import { describeSite, type FailureSite } from "../failures/failure.ts";
import {
  type CallId,
  type Culprit,
  findCulprit,
  type GroupProgress,
  progressReply,
  type RankReply,
} from "../failures/stall.ts";

/** The interface of the control plane for its search. */
export interface StallSearchHost {
  /** Global rank of this process. */
  readonly rank: number;
  /** Milliseconds without progress after which a call counts as stalled. */
  readonly stallTimeoutMs: number;
  /** Milliseconds that a rank which answers may take to make a call that others wait in. */
  readonly slowTimeoutMs: number;
  readonly clock: Clock;
  /** Fires when the world has failed. */
  readonly failure: AbortSignal;
  /** The progress of all groups of this rank. */
  progress(): readonly GroupProgress[];
  /** Asks a peer. */
  send(peer: number, query: ProgressQuery): void;
  /** Something that whoever runs the job should know. */
  say(text: string): void;
}

/** Where a call has stalled; `id` is that of its group, in hex. */
export type StallSite = FailureSite & { readonly id: string };

/** Finds out whom a rank waits for. */
export class StallSearch {
  readonly #host: StallSearchHost;
  readonly #questions = new Map<number, (here: ProgressReply) => void>();
  /** When the last message of each peer was received. */
  readonly #lastMessageAt = new Map<number, number>();
  #numQuestions = 0;
  /** When this rank last said that it waits. */
  #saidAt = -Infinity;

  /** For `heardFrom` next, for each peer. */
  constructor(host: StallSearchHost) {
    this.#host = host;
  }

  /** A message of this peer was received. */
  heardFrom(peer: number): void {
    this.#lastMessageAt.set(peer, this.#host.clock.now());
  }

  /** A peer has replied. */
  answered(reply: ProgressReply): void {
    this.#questions.get(reply.question)?.(reply);
  }

  /** The reply to the question of a peer. */
  replyTo(query: ProgressQuery): ProgressReply {
    const { clock, stallTimeoutMs } = this.#host;
    const times = { now: clock.now(), recentMs: stallTimeoutMs };
    const { question } = query;
    return { kind: "here", question, ...progressReply(query, this.#host.progress(), times) };
  }

  /**
   * The rank that is lost, if one is: of the chain that begins at `peer`. One that is only slow is reported now and then, until it has
   * been too slow.
   */
  async lostRank(
    peer: number,
    site: StallSite,
  ): Promise<Extract<Culprit, { readonly kind: "lost" }> | undefined> {
    const { rank } = this.#host;
    const peers = [...this.#lastMessageAt.keys()];
    if (peers.length > 1 && peers.every((each) => this.#isSilent(each))) {
      const reason = "it receives nothing from any other rank, so it is cut off";
      return { kind: "lost", rank, reason };
    }
    const call = { group: site.id, sequence: site.sequence ?? 0 };
    const ask = (other: number, about: CallId) => this.#ask(other, about);
    const culprit = await findCulprit(peer, call, { self: rank, ask });
    if (culprit === undefined || culprit.kind === "lost") return culprit;
    const waitedMs = this.#waitedMs(site);
    if (waitedMs >= this.#host.slowTimeoutMs) {
      const reason = `it answers, but has not made that call in ${Math.round(waitedMs / 1000)} s`;
      return { kind: "lost", rank: culprit.rank, reason };
    }
    this.#reportSlow(culprit.rank, site);
    return undefined;
  }

  /** Milliseconds since a byte moved in the call. */
  #waitedMs(site: StallSite): number {
    const now = this.#host.clock.now();
    return now - (this.#host.progress().find(({ group }) => group === site.id)?.movedAt ?? now);
  }

  /** Says that this rank waits, if no lower one of the group does. */
  #reportSlow(slow: number, site: StallSite): void {
    const { rank, clock, stallTimeoutMs } = this.#host;
    const now = clock.now();
    if (site.group?.some((each) => each < rank && each !== slow)) return;
    if (now - this.#saidAt < Math.min(stallTimeoutMs, SAY_MS)) return;
    this.#saidAt = now;
    const seconds = Math.round(this.#waitedMs(site) / 1000);
    this.#host.say(
      `Rank ${rank} has waited ${seconds} s for rank ${slow}${describeSite(site)}: ` +
        "it answers, but has not made that call yet",
    );
  }

  async #ask(peer: number, { group, sequence }: CallId): Promise<RankReply> {
    const { clock, stallTimeoutMs, failure } = this.#host;
    const question = this.#numQuestions++;
    if (this.#isSilent(peer)) return undefined;
    const reply = Promise.withResolvers<ProgressReply>();
    this.#questions.set(question, reply.resolve);
    this.#host.send(peer, { kind: "where", question, group, sequence });
    const milliseconds = Math.min(stallTimeoutMs, MAX_REPLY_MS);
    const gone = whenAborted(failure).then(() => undefined);
    const here = await firstWithin([reply.promise, gone], { clock, milliseconds });
    this.#questions.delete(question);
    // While it computes it may reply late.
    return here ?? (this.#isSilent(peer) ? undefined : "busy");
  }

  /** True if not even a heartbeat was received from this peer for most of the stall timeout. */
  #isSilent(peer: number): boolean {
    const { clock, stallTimeoutMs } = this.#host;
    const lastMessageAt = this.#lastMessageAt.get(peer) ?? 0;
    return clock.now() - lastMessageAt > stallTimeoutMs * SILENT_SHARE;
  }
}

/** Longest wait for the reply to a question. */
const MAX_REPLY_MS = 2_000;
/** A rank that is silent for this share of the stall timeout is not asked any more. */
const SILENT_SHARE = 0.6;
/** Time between two messages that a rank waits. */
const SAY_MS = 60_000;
