// All ranks of a job as one of them sees it: its groups, its links to the others, and the one failure they share.
//
// Who is lost is decided on the control links alone: they carry small messages only, so an `abort` or `bye` always comes
// before the end of the stream. A group connection that ends says nothing by itself; the verdict is a moment away.
// A rank that fails tells all others first and rejects its own calls then, so that nobody can take the messenger, which
// may exit right after, for the culprit. Whoever leaves waits a moment until all have what it sent.

import { type Acceptor, connectionKey } from "./acceptor.ts";
import type { ControlLink, ControlListener } from "./control_link.ts";
import { Deadline, sleep, soon, whenAborted } from "./deadline.ts";
import { dial } from "./dial.ts";
import { type Dump, makeDump, writeDump } from "./dump.ts";
import { describeSite, type FailureSite, PeerLostError } from "./failure.ts";
import { FrameError, groupId } from "./frame.ts";
import { type GroupHost, ProcessGroup } from "./group.ts";
import { importSecret, type JobKey } from "./handshake.ts";
import type { Here, Message } from "./message.ts";
import { type Membership, rendezvous } from "./rendezvous.ts";
import { CallRecorder } from "./recorder.ts";
import { answer, type Call, findCulprit, type GroupProgress } from "./stall.ts";
import type { Address, Connection } from "./transport.ts";
import { type Finding, Verdict } from "./verdict.ts";
import { type SettledOptions, withDefaults, type WorldOptions } from "./world_options.ts";

/** One rank's membership in a job. */
export class World implements AsyncDisposable {
  /** This process's global rank. */
  readonly rank: number;
  /** Number of ranks. */
  readonly worldSize: number;
  /** This rank among those of its host. */
  readonly localRank: number;

  readonly #options: SettledOptions;
  readonly #failure = new AbortController();
  readonly #groups = new Map<string, GroupEntry>();
  readonly #ordinals = new Map<string, number>();
  /** Peers that have said goodbye. */
  readonly #departed = new Set<number>();
  #departure = Promise.withResolvers<void>();
  readonly #questions = new Map<number, (here: Here) => void>();
  #key: JobKey | undefined;
  #acceptor: Acceptor | undefined;
  #addresses: readonly Address[] = [];
  #links: ReadonlyMap<number, ControlLink> = new Map();
  #group: ProcessGroup | undefined;
  #ending: Promise<void> | undefined;
  #numQuestions = 0;
  #verdict: Verdict | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #freeing: Promise<void> | undefined;

  private constructor(options: SettledOptions) {
    this.#options = options;
    this.rank = options.rank;
    this.worldSize = options.worldSize;
    this.localRank = options.localRank;
  }

  /**
   * Joins the job that `options` describe and connects the group of all ranks.
   *
   * @throws {RangeError | TypeError} if an option is out of range.
   * @throws {Error} if the port is taken, the secret is another, the rank is refused, or not all ranks come in time.
   */
  static async join(options: WorldOptions): Promise<World> {
    const world = new World(withDefaults(options));
    await world.#join();
    return world;
  }

  /** The group of all ranks. */
  get group(): ProcessGroup {
    if (this.#group === undefined) throw new Error("The world has not been joined");
    return this.#group;
  }

  /** True once a rank is lost or this world is closed. */
  get ended(): boolean {
    return this.#failure.signal.aborted;
  }

  /**
   * Connects the group of these global ranks, in this order. All of them must call it, in the same order as other calls
   * for the same ranks; no other rank needs to.
   *
   * @throws {RangeError} if a rank is given twice, is out of range, or this rank is not among them.
   */
  async createGroup(ranks: readonly number[]): Promise<ProcessGroup> {
    this.#requireRanks(ranks);
    const name = ranks.join(",");
    const ordinal = this.#ordinals.get(name) ?? 0;
    this.#ordinals.set(name, ordinal + 1);
    const id = groupId(ranks, ordinal);
    const progress: GroupProgress = {
      group: id.toString(16),
      finished: 0,
      site: undefined,
      waitingFor: undefined,
      movedAt: 0,
    };
    this.#failure.signal.throwIfAborted();
    const recorder = new CallRecorder();
    const entry: GroupEntry = { ranks: [...ranks], progress, recorder, connections: new Map() };
    this.#groups.set(progress.group, entry);
    const connections = await this.#connectPeers(ranks, progress.group);
    entry.connections = connections;
    try {
      this.#failure.signal.throwIfAborted();
      entry.group = new ProcessGroup({
        host: this.#host(),
        ranks: [...ranks],
        id,
        connections,
        progress,
        algorithms: this.#options.algorithms,
        recorder,
      });
      return entry.group;
    } catch (error) {
      for (const connection of connections.values()) connection.close();
      throw error;
    }
  }

  /** The last calls of all groups of this rank, for src/cli/analyse.ts; what is written when a world fails. */
  dump(): Dump {
    const { reason } = this.#failure.signal;
    return makeDump(this, {
      error: reason instanceof PeerLostError ? reason : undefined,
      groups: [...this.#groups].map(([id, { ranks, recorder }]) => ({
        id,
        ranks,
        calls: recorder.records(),
      })),
    });
  }

  /** Ends the job on every rank: all calls of all ranks reject with an error that names this rank and `cause`. */
  async abort(cause: Error): Promise<void> {
    await this.#fail(
      new PeerLostError(this.rank, `Rank ${this.rank} failed: ${cause.message}`, { cause }),
    );
    await this.#freeing;
  }

  /** Leaves the job in order; pending and later calls of this rank reject. Again: nothing. */
  async close(): Promise<void> {
    await this.#depart();
    await this.#freeing;
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #join(): Promise<void> {
    const { rank, worldSize, secret, timeoutMs } = this.#options;
    if (worldSize > 1) {
      this.#key = await importSecret(secret);
      this.#enter(
        await rendezvous({
          ...this.#options,
          key: this.#key,
          failure: this.#failure.signal,
          listenTo: (peer) => this.#listenTo(peer),
        }),
      );
    }
    try {
      this.#group = await this.createGroup(Array.from({ length: worldSize }, (_, each) => each));
    } catch (error) {
      await this.close();
      throw new Error(
        `Rank ${rank} could not connect to all ranks within ${timeoutMs} ms: ${
          error instanceof Error ? error.message : error
        }`,
        { cause: error },
      );
    }
    // From here on only collectives keep the process alive, so a program that forgets to close still ends.
    this.#acceptor?.unref();
    for (const link of this.#links.values()) link.unref();
    this.#beat();
  }

  /** Proves to all peers, at regular times, that this rank lives. */
  #beat(): void {
    if (this.ended || this.#links.size === 0) return;
    const intervalMs = Math.min(this.#options.stallTimeoutMs / BEATS_PER_TIMEOUT, MAX_BEAT_MS);
    this.#heartbeat = setInterval(() => {
      for (const link of this.#links.values()) void link.beat();
    }, intervalMs);
    Deno.unrefTimer(this.#heartbeat);
  }

  #enter({ acceptor, addresses, links }: Membership): void {
    this.#acceptor = acceptor;
    this.#addresses = addresses;
    this.#links = links;
  }

  /** The higher rank of a pair dials the lower. */
  async #connectPeers(ranks: readonly number[], group: string): Promise<Map<number, Connection>> {
    using deadline = new Deadline(this.#options.timeoutMs, this.#failure.signal);
    const connections = new Map<number, Connection>();
    const results = await Promise.allSettled(ranks.map(async (peer, position) => {
      if (peer === this.rank) return;
      connections.set(position, await this.#connectPeer(peer, group, deadline.signal));
    }));
    const late = ranks.filter((_, position) => results[position].status === "rejected");
    if (late.length === 0) return connections;
    for (const connection of connections.values()) connection.close();
    this.#failure.signal.throwIfAborted();
    await this.#fail(
      new PeerLostError(
        late[0],
        `Rank ${late.join(", ")} did not connect to the group [${ranks.join(", ")}] within ` +
          `${this.#options.timeoutMs} ms, but every rank of a group must create it: ` +
          reasonOf(results[ranks.indexOf(late[0])]),
        { group: ranks },
      ),
    );
    throw this.#failure.signal.reason;
  }

  async #connectPeer(peer: number, group: string, signal: AbortSignal): Promise<Connection> {
    const [acceptor, key] = [this.#acceptor, this.#key];
    if (acceptor === undefined || key === undefined) throw new Error("A world of one has no peers");
    if (peer > this.rank) {
      return await acceptor.take(connectionKey({ purpose: "group", group, rank: peer }), signal);
    }
    const { rank, worldSize } = this;
    const address = acceptor.address;
    return await dial(this.#addresses[peer], {
      key,
      tls: this.#options.tls,
      hello: () => ({ kind: "hello", purpose: "group", rank, to: peer, worldSize, address, group }),
      signal,
    });
  }

  #host(): GroupHost {
    return {
      rank: this.rank,
      failure: this.#failure.signal,
      stallTimeoutMs: this.#options.stallTimeoutMs,
      fail: (error) => this.#fail(error),
      ended: (peer, site) => this.#groupConnectionEnded(peer, site),
      stalled: (peer, site) => this.#stalled(peer, site),
    };
  }

  #listenTo(peer: number): ControlListener {
    return {
      message: (message) => this.#message(peer, message),
      ended: (cause) => this.#controlEnded(peer, cause),
    };
  }

  #message(peer: number, message: Message): void {
    switch (message.kind) {
      case "abort": {
        const { origin, rank, group, op, sequence, bytesDone, bytesExpected } = message;
        const site = op === "" ? {} : { group, op, sequence, bytesDone, bytesExpected };
        void this.#conclude({ origin, error: new PeerLostError(rank, message.message, site) });
        this.#verdict?.spoken(peer);
        return;
      }
      case "bye":
        this.#departed.add(peer);
        this.#departure.resolve();
        this.#departure = Promise.withResolvers();
        this.#verdict?.spoken(peer);
        void this.#seeOff(peer);
        return;
      case "beat":
        return;
      case "where": {
        const now = performance.now();
        const recentMs = this.#options.stallTimeoutMs / 2;
        const progress = [...this.#groups.values()].map((each) => each.progress);
        const here = answer(message, progress, { now, recentMs });
        void this.#links.get(peer)?.send({ kind: "here", question: message.question, ...here });
        return;
      }
      case "here":
        return this.#questions.get(message.question)?.(message);
    }
  }

  #controlEnded(peer: number, cause: unknown): void {
    this.#verdict?.spoken(peer);
    if (this.#departed.has(peer)) return;
    const sites = [...this.#groups.values()].map(({ progress }) => progress.site);
    const site = { ...sites.find((each) => each !== undefined) };
    const what = cause instanceof FrameError
      ? `sent what is no message (${cause.message})`
      : "is lost: its process ended without a goodbye";
    void this.#fail(new PeerLostError(peer, `Rank ${peer} ${what}${describeSite(site)}`, site));
  }

  /** A peer that leaves waits until its link ends here too: when what it has sent to its groups is read. */
  async #seeOff(peer: number): Promise<void> {
    const shared = [...this.#groups.values()].filter(({ ranks }) => ranks.includes(peer));
    while (!this.ended && shared.some(({ progress }) => progress.site !== undefined)) {
      await sleep(POLL_MS, this.#failure.signal);
    }
    await this.#links.get(peer)?.finish();
  }

  /** The control link tells within a moment what has become of the peer; only if it does not, the peer is blamed. */
  async #groupConnectionEnded(peer: number, site: FailureSite): Promise<void> {
    const failed = whenAborted(this.#failure.signal);
    const { promise: departure } = this.#departure;
    if (!this.#departed.has(peer)) await soon(VERDICT_MS, [failed, departure]);
    const why = this.#departed.has(peer)
      ? "has closed its world"
      : "has closed its connection to the group";
    await this.#fail(new PeerLostError(peer, `Rank ${peer} ${why}${describeSite(site)}`, site));
  }

  async #stalled(peer: number, site: FailureSite & { readonly id: string }): Promise<void> {
    const call = { group: site.id, sequence: site.sequence ?? 0 };
    const isCutOff = this.#links.size > 1 &&
      [...this.#links.keys()].every((each) => this.#isSilent(each));
    const verdict = isCutOff
      ? { rank: this.rank, reason: "it hears no other rank, so it is the one that is cut off" }
      : await findCulprit(peer, call, {
        self: this.rank,
        ask: (rank, about) => this.#ask(rank, about),
      });
    if (verdict === undefined) return;
    const { rank, reason } = verdict;
    const seconds = this.#options.stallTimeoutMs / 1000;
    await this.#fail(
      new PeerLostError(
        rank,
        `Rank ${rank} holds up its peers for ${seconds} s${describeSite(site)}: ${reason}`,
        site,
      ),
    );
  }

  async #ask(rank: number, call: Call): Promise<Here | undefined> {
    const question = this.#numQuestions++;
    if (this.#isSilent(rank)) return undefined;
    const reply = Promise.withResolvers<Here>();
    this.#questions.set(question, reply.resolve);
    void this.#links.get(rank)?.send({ kind: "where", question, ...call });
    const patience = Math.min(this.#options.stallTimeoutMs, MAX_PATIENCE_MS);
    const gone = whenAborted(this.#failure.signal).then(() => undefined);
    const here = await soon(patience, [reply.promise, gone]);
    this.#questions.delete(question);
    return here;
  }

  /** True if not even a heartbeat has come from this peer for most of the stall timeout. */
  #isSilent(peer: number): boolean {
    const heardAt = this.#links.get(peer)?.heardAt ?? 0;
    return performance.now() - heardAt > this.#options.stallTimeoutMs * SILENT_SHARE;
  }

  #fail(error: PeerLostError): Promise<void> {
    return this.#conclude({ origin: this.rank, error });
  }

  /** Passes a finding on to all peers if it is new; the first one ends this world. */
  async #conclude(finding: Finding): Promise<void> {
    if (this.#ending !== undefined && this.#verdict === undefined) return await this.#ending;
    const speakers = [...this.#links.keys()].filter((peer) => !this.#departed.has(peer));
    const verdict = this.#verdict ??= new Verdict(speakers);
    const told = verdict.add(finding) ? this.#tell(abortMessage(finding)) : undefined;
    this.#ending ??= (async () => {
      await told;
      await this.#end(await verdict.settle());
    })();
    await this.#ending;
  }

  /** Says goodbye. Only the first end counts. */
  async #depart(): Promise<void> {
    this.#ending ??= (async () => {
      await this.#tell({ kind: "bye" });
      await this.#end(new Error(`The world of rank ${this.rank} is closed`));
    })();
    await this.#ending;
  }

  /** Rejects all calls with `reason`, and begins to free everything. */
  #end(reason: Error): void {
    clearInterval(this.#heartbeat);
    const idle = [...this.#groups.values()].filter(({ progress }) => progress.site === undefined);
    this.#failure.abort(reason);
    if (reason instanceof PeerLostError) this.#writeDump();
    this.#freeing = this.#free(idle.flatMap(({ connections }) => [...connections.values()]));
  }

  #writeDump(): void {
    const { dumpFolder } = this.#options;
    if (dumpFolder === undefined) return;
    try {
      writeDump(this.dump(), dumpFolder);
    } catch (error) {
      // The failure itself is what counts; that its record is lost is only said.
      console.error(`Rank ${this.rank} cannot write its record to ${dumpFolder}: ${error}`);
    }
  }

  async #tell(news: Message): Promise<void> {
    await soon(TELL_MS, [Promise.all([...this.#links.values()].map((link) => link.send(news)))]);
  }

  /** Closes all that is open, when all peers have what this rank has sent, or too much time has passed. */
  async #free(idle: readonly Connection[]): Promise<void> {
    const drained = idle.map((connection) => connection.finish());
    await soon(FAREWELL_MS, [
      Promise.all([...this.#links.values()].map((link) => link.finish())).then(() => {}),
    ]);
    await Promise.all([...this.#groups.values()].map(({ group }) => group?.close()));
    await Promise.all([this.#acceptor?.close(), ...drained]);
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  #requireRanks(ranks: readonly number[]): void {
    const { worldSize } = this;
    for (const rank of ranks) {
      if (!Number.isInteger(rank) || rank < 0 || rank >= worldSize) {
        throw new RangeError(`Rank ${rank} is out of range: ranks are 0 to ${worldSize - 1}`);
      }
    }
    const twice = ranks.find((rank, position) => ranks.indexOf(rank) !== position);
    if (twice !== undefined) {
      throw new RangeError(`Rank ${twice} is given twice in the group [${ranks.join(", ")}]`);
    }
    if (!ranks.includes(this.rank)) {
      throw new RangeError(
        `Rank ${this.rank} cannot create the group [${ranks.join(", ")}] as it is not in it`,
      );
    }
  }
}

/** What the world knows of a group. */
interface GroupEntry {
  readonly ranks: readonly number[];
  readonly progress: GroupProgress;
  readonly recorder: CallRecorder;
  connections: ReadonlyMap<number, Connection>;
  group?: ProcessGroup;
}

function abortMessage({ origin, error }: Finding): Message {
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

function reasonOf(result: PromiseSettledResult<void>): string {
  if (result.status === "fulfilled") return "it did";
  return result.reason instanceof Error ? result.reason.message : String(result.reason);
}

/** How long a group connection's end waits for the control link to say why. */
const VERDICT_MS = 1_000;
/** How long a rank that fails or leaves tries to tell its peers. */
const TELL_MS = 500;
/** How long it waits then until they have read it. */
const FAREWELL_MS = 1_000;
/** Longest wait for a rank to say what it waits for. */
const MAX_PATIENCE_MS = 2_000;
/** A rank says that it lives so many times per stall timeout, */
const BEATS_PER_TIMEOUT = 8;
/** and at least so often. */
const MAX_BEAT_MS = 5_000;
/** Silent for this share of the stall timeout, a rank is not asked any more. */
const SILENT_SHARE = 0.6;
const POLL_MS = 5;
