// The control plane: heartbeats, progress queries, departures, and one failure that all ranks share.
//
// Only control links decide which rank is lost: they carry small messages only, so an `abort` or `bye` always arrives before
// the end of the stream. The end of a group's connection proves nothing by itself; the control link soon gives the reason.
// A rank that fails first informs all others and then rejects its own calls, so that no other rank takes the reporting
// rank, which may exit right after, for the cause. A rank that leaves waits briefly until all have received what it sent.

import type { Alarm, Clock } from "../wire/clock.ts";
import type { ControlLink, ControlListener } from "./control_link.ts";
import { firstWithin, sleep, whenAborted } from "../wire/deadline.ts";
import { describeSite, type FailureSite, PeerLostError } from "../failures/failure.ts";
import { decodeHeader, ForgedError, FrameError, HEADER_BYTES } from "../wire/frame.ts";
import type { ControlMessage } from "../wire/control_message.ts";
import type { GroupProgress } from "../failures/stall.ts";
import { StallSearch, type StallSite } from "./stall_search.ts";
import type { Connection } from "../wire/transport.ts";
import { FailureAgreement, type FailureReport } from "../failures/verdict.ts";

/** The properties of a group that the control plane uses. */
export interface SharedGroup {
  /** Global ranks, in group order. */
  readonly ranks: readonly number[];
  readonly progress: GroupProgress;
  readonly connections: ReadonlyMap<number, Connection>;
}

/** The interface of the world for its control plane. */
export interface ControlPlaneHost {
  /** Global rank of this process. */
  readonly rank: number;
  /** Milliseconds without progress after which a call counts as stalled. */
  readonly stallTimeoutMs: number;
  /** Milliseconds that a rank which answers may take to make a call that others wait in. */
  readonly slowTimeoutMs: number;
  /** Measures time. */
  readonly clock: Clock;
  /** All groups of this rank. */
  groups(): Iterable<SharedGroup>;
  /** Something that whoever runs the job should know. */
  say(text: string): void;
  /** The world has failed, with the reason of `failure`. */
  failed(): void;
  /** Closes the groups and the listeners. */
  release(): Promise<void>;
}

/** The control links of one rank. */
export class ControlPlane {
  readonly #host: ControlPlaneHost;
  readonly #rank: number;
  readonly #stallTimeoutMs: number;
  readonly #clock: Clock;
  readonly #failure = new AbortController();
  /** Peers that have sent `bye`. */
  readonly #departed = new Set<number>();
  /** Peers that have sent `abort`, and so are about to end. */
  readonly #reporters = new Set<number>();
  #departure = Promise.withResolvers<void>();
  readonly #stallSearch: StallSearch;
  #links: ReadonlyMap<number, ControlLink> = new Map();
  #heartbeat: Alarm | undefined;
  #agreement: FailureAgreement | undefined;
  #ending: Promise<void> | undefined;
  #releasing: Promise<void> | undefined;
  #unreceived: string | undefined;

  /** Has no links yet. */
  constructor(host: ControlPlaneHost) {
    this.#host = host;
    this.#rank = host.rank;
    this.#stallTimeoutMs = host.stallTimeoutMs;
    this.#clock = host.clock;
    const { rank, stallTimeoutMs, slowTimeoutMs, clock } = host;
    this.#stallSearch = new StallSearch({
      rank,
      stallTimeoutMs,
      slowTimeoutMs,
      clock,
      failure: this.failure,
      progress: () => [...host.groups()].map(({ progress }) => progress),
      send: (peer, query) => void this.#links.get(peer)?.send(query),
      say: (text) => host.say(text),
    });
  }

  /** Fires when a rank is lost or this one leaves; every call then rejects with its reason. */
  get failure(): AbortSignal {
    return this.#failure.signal;
  }

  /** Takes ownership of the links with all peers. */
  takeLinks(links: ReadonlyMap<number, ControlLink>): void {
    this.#links = links;
    for (const peer of links.keys()) this.#stallSearch.heardFrom(peer);
  }

  /** Ends the links without a goodbye, in this turn of the event loop, as there will be no other. */
  endLinks(): void {
    for (const link of this.#links.values()) link.end();
  }

  /** Sends heartbeats to all peers from now on; that does not keep the process alive. */
  startHeartbeat(): void {
    for (const link of this.#links.values()) link.unref();
    if (this.failure.aborted || this.#links.size === 0) return;
    const intervalMs = Math.min(this.#stallTimeoutMs / BEATS_PER_TIMEOUT, MAX_BEAT_MS);
    this.#heartbeat = this.#clock.every(intervalMs, () => {
      for (const link of this.#links.values()) void link.beat();
    });
  }

  /** Resolves when everything is closed. */
  async released(): Promise<void> {
    await this.#releasing;
  }

  /** A message that nobody here has received, in words, once everything is closed without a failure. */
  get unreceived(): string | undefined {
    return this.failure.reason instanceof PeerLostError ? undefined : this.#unreceived;
  }

  /** The callbacks for the control link with `peer`. */
  listenerFor(peer: number): ControlListener {
    return {
      message: (message) => {
        this.#stallSearch.heardFrom(peer);
        this.#message(peer, message);
      },
      ended: (cause) => this.#controlEnded(peer, cause),
    };
  }

  #message(peer: number, message: ControlMessage): void {
    switch (message.kind) {
      case "abort": {
        this.#reporters.add(peer);
        const { origin, rank, group, op, sequence, bytesDone, bytesExpected } = message;
        const site = op === "" ? {} : { group, op, sequence, bytesDone, bytesExpected };
        void this.#report({ origin, error: new PeerLostError(rank, message.message, site) });
        this.#agreement?.heard(peer);
        return;
      }
      case "bye":
        this.#departed.add(peer);
        this.#departure.resolve();
        this.#departure = Promise.withResolvers();
        this.#agreement?.heard(peer);
        void this.#awaitDeparture(peer);
        return;
      case "beat":
        return;
      case "where":
        void this.#links.get(peer)?.send(this.#stallSearch.replyTo(message));
        return;
      case "here":
        return this.#stallSearch.answered(message);
    }
  }

  #controlEnded(peer: number, cause: unknown): void {
    this.#agreement?.heard(peer);
    if (this.#departed.has(peer) || this.#reporters.has(peer)) return;
    const running = [...this.#host.groups()].map(({ progress }) => progress.running);
    const site = { ...running.find((each) => each !== undefined)?.site };
    if (cause instanceof ForgedError) {
      const text = `Rank ${this.#rank} received what rank ${peer} did not send: ${cause.message}`;
      return void this.fail(new PeerLostError(peer, text, { ...site, cause }));
    }
    const what = cause instanceof FrameError
      ? `sent an invalid message (${cause.message})`
      : "is lost: its process ended without a goodbye";
    void this.fail(new PeerLostError(peer, `Rank ${peer} ${what}${describeSite(site)}`, site));
  }

  /** Ends the link with a departing peer, which waits for that, once the bytes that it sent to its groups have been read. */
  async #awaitDeparture(peer: number): Promise<void> {
    const shared = [...this.#host.groups()].filter(({ ranks }) => ranks.includes(peer));
    while (!this.failure.aborted && shared.some(({ progress }) => progress.running !== undefined)) {
      await sleep(POLL_MS, { clock: this.#clock, signal: this.failure });
    }
    await this.#links.get(peer)?.finish();
  }

  /**
   * A group's connection with `peer` has ended. The control link soon reports why; only if it does not, the peer has closed
   * that connection alone, and is named.
   */
  async groupConnectionEnded(peer: number, site: FailureSite): Promise<void> {
    const failed = whenAborted(this.failure);
    const { promise: departure } = this.#departure;
    if (!this.#departed.has(peer)) await this.#firstWithin(DEPARTURE_MS, [failed, departure]);
    const why = this.#departed.has(peer)
      ? "has closed its world"
      : "has closed its connection to the group";
    await this.fail(new PeerLostError(peer, `Rank ${peer} ${why}${describeSite(site)}`, site));
  }

  /** No bytes from `peer` for the stall timeout: finds the rank that stalls the job, and fails the world if it is lost. */
  async stalled(peer: number, site: StallSite): Promise<void> {
    const lost = await this.#stallSearch.lostRank(peer, site);
    if (lost === undefined) return;
    const { rank, reason } = lost;
    const seconds = this.#stallTimeoutMs / 1000;
    await this.fail(
      new PeerLostError(
        rank,
        `Rank ${rank} has stalled its peers for ${seconds} s${describeSite(site)}: ${reason}`,
        site,
      ),
    );
  }

  /** Ends the job on every rank with a failure that this rank has detected. */
  fail(error: PeerLostError): Promise<void> {
    return this.#report({ origin: this.#rank, error });
  }

  /** Forwards a report to all peers if it is new; the first one ends this world. */
  async #report(report: FailureReport): Promise<void> {
    const isOwn = report.origin === this.#rank;
    if (this.#ending !== undefined && (isOwn || this.#agreement === undefined)) {
      return await this.#ending;
    }
    const reporters = [...this.#links.keys()].filter((peer) => !this.#departed.has(peer));
    const agreement = this.#agreement ??= new FailureAgreement(reporters, this.#clock);
    const sent = agreement.add(report) ? this.#broadcast(abortMessage(report)) : undefined;
    this.#ending ??= (async () => {
      await sent;
      await this.#end(await agreement.outcome());
    })();
    await this.#ending;
  }

  /** Leaves the job normally, unless this world has ended already. */
  async leave(): Promise<void> {
    this.#ending ??= (async () => {
      await this.#broadcast({ kind: "bye" });
      await this.#end(new Error(`The world of rank ${this.#rank} is closed`));
    })();
    await this.#ending;
  }

  /** Rejects all calls with `reason`, and begins to close everything. */
  #end(reason: Error): void {
    this.#heartbeat?.stop();
    const idle = [...this.#host.groups()].filter(({ progress }) => progress.running === undefined);
    this.#failure.abort(reason);
    if (reason instanceof PeerLostError) this.#host.failed();
    this.#releasing = this.#release(idle);
  }

  #firstWithin<T>(
    milliseconds: number,
    promises: readonly (Promise<T> | undefined)[],
  ): Promise<T | undefined> {
    return firstWithin(promises, { clock: this.#clock, milliseconds });
  }

  async #broadcast(message: ControlMessage): Promise<void> {
    await this.#firstWithin(BROADCAST_MS, [
      Promise.all([...this.#links.values()].map((link) => link.send(message))),
    ]);
  }

  /** Closes everything once all peers have received what this rank sent, or after a timeout. */
  async #release(idle: readonly SharedGroup[]): Promise<void> {
    const drained = idle.flatMap(({ ranks, connections }) =>
      [...connections].map(async ([position, connection]) => {
        const message = unreceivedMessage(await connection.finish());
        if (message === undefined) return;
        this.#unreceived ??= `Rank ${this.#rank} has left without receiving what rank ${
          ranks[position]
        } sent in group [${ranks.join(", ")}]: ${message}`;
      })
    );
    await this.#firstWithin(FAREWELL_MS, [
      Promise.all([...this.#links.values()].map((link) => link.finish())).then(() => {}),
    ]);
    await this.#host.release();
    await Promise.all(drained);
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }
}

/** What the bytes that nobody has read begin with, if that is a message; a collective fails on the other ranks. */
function unreceivedMessage(bytes: Uint8Array): string | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  try {
    const { op, sequence, count, dtype, label } = decodeHeader(bytes);
    const labelled = label === "" ? "" : `, "${label}"`;
    return op === "send" ? `message ${sequence}, ${count} ${dtype}${labelled}` : undefined;
  } catch (error) {
    if (error instanceof FrameError) return undefined;
    throw error;
  }
}

function abortMessage({ origin, error }: FailureReport): ControlMessage {
  return {
    kind: "abort",
    origin,
    rank: error.rank,
    message: error.message,
    group: [...(error.group ?? [])],
    op: error.op ?? "",
    sequence: error.sequence ?? 0,
    bytesDone: error.bytesDone ?? 0,
    bytesExpected: error.bytesExpected ?? 0,
  };
}

/** How long to wait for the control link to give the reason for the end of a group's connection. */
const DEPARTURE_MS = 1_000;
/** How long a rank that fails or leaves tries to inform its peers. */
const BROADCAST_MS = 500;
/** How long it then waits until they have read it. */
const FAREWELL_MS = 1_000;
/** Heartbeats per stall timeout, */
const BEATS_PER_TIMEOUT = 8;
/** and the longest time between two. */
const MAX_BEAT_MS = 5_000;
const POLL_MS = 5;
