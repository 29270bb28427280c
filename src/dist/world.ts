// All ranks of a job as one of them sees it: its groups, its links to the others, and the one failure they share.
//
// Who is lost is decided on the control links alone: they carry small messages only, so an `abort` or `bye` always comes
// before the end of the stream. A group connection that ends says nothing by itself; the verdict is a moment away.
// A rank that fails tells all others first and rejects its own calls then, so that nobody can take the messenger, which
// may exit right after, for the culprit.

import { type Acceptor, connectionKey } from "./acceptor.ts";
import type { ControlLink, ControlListener } from "./control_link.ts";
import { Deadline, soon, whenAborted } from "./deadline.ts";
import { dial } from "./dial.ts";
import { describeSite, type FailureSite, PeerLostError } from "./failure.ts";
import { groupId } from "./frame.ts";
import { type GroupHost, ProcessGroup } from "./group.ts";
import { importSecret, type JobKey } from "./handshake.ts";
import type { Here, Message } from "./message.ts";
import { type Membership, rendezvous } from "./rendezvous.ts";
import { answer, type Call, findCulprit, type GroupProgress } from "./stall.ts";
import type { Address, Connection } from "./transport.ts";
import { withDefaults, type WorldOptions } from "./world_options.ts";

/** One rank's membership in a job. */
export class World implements AsyncDisposable {
  /** This process's global rank. */
  readonly rank: number;
  /** Number of ranks. */
  readonly worldSize: number;
  /** This rank among those of its host. */
  readonly localRank: number;

  readonly #options: Required<WorldOptions>;
  readonly #failure = new AbortController();
  readonly #groups = new Map<string, { readonly progress: GroupProgress; group?: ProcessGroup }>();
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

  private constructor(options: Required<WorldOptions>) {
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
    const entry: { progress: GroupProgress; group?: ProcessGroup } = { progress };
    this.#failure.signal.throwIfAborted();
    this.#groups.set(progress.group, entry);
    const connections = await this.#connectPeers(ranks, progress.group);
    try {
      this.#failure.signal.throwIfAborted();
      entry.group = new ProcessGroup({
        host: this.#host(),
        ranks: [...ranks],
        id,
        connections,
        progress,
      });
      return entry.group;
    } catch (error) {
      for (const connection of connections.values()) connection.close();
      throw error;
    }
  }

  /** Ends the job on every rank: all calls of all ranks reject with an error that names this rank and `cause`. */
  async abort(cause: Error): Promise<void> {
    await this.#fail(
      new PeerLostError(this.rank, `Rank ${this.rank} failed: ${cause.message}`, { cause }),
    );
    await this.#free();
  }

  /** Leaves the job in order; pending and later calls of this rank reject. Again: nothing. */
  async close(): Promise<void> {
    await this.#end(
      { kind: "bye" },
      new Error(`The world of rank ${this.rank} is closed`),
    );
    await this.#free();
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
      ended: () => this.#controlEnded(peer),
    };
  }

  #message(peer: number, message: Message): void {
    switch (message.kind) {
      case "abort": {
        const { rank, group, op, sequence } = message;
        const site = op === "" ? {} : { group, op, sequence };
        void this.#fail(new PeerLostError(rank, message.message, site));
        return;
      }
      case "bye":
        this.#departed.add(peer);
        this.#departure.resolve();
        this.#departure = Promise.withResolvers();
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

  #controlEnded(peer: number): void {
    if (this.#departed.has(peer)) return;
    const sites = [...this.#groups.values()].map(({ progress }) => progress.site);
    const site = sites.find((each) => each !== undefined) ?? {};
    void this.#fail(
      new PeerLostError(
        peer,
        `Rank ${peer} is lost: its process ended without a goodbye${describeSite(site)}`,
        site,
      ),
    );
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
    const verdict = await findCulprit(peer, call, {
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
    const reply = Promise.withResolvers<Here>();
    this.#questions.set(question, reply.resolve);
    void this.#links.get(rank)?.send({ kind: "where", question, ...call });
    const patience = Math.min(this.#options.stallTimeoutMs, MAX_PATIENCE_MS);
    const gone = whenAborted(this.#failure.signal).then(() => undefined);
    const here = await soon(patience, [reply.promise, gone]);
    this.#questions.delete(question);
    return here;
  }

  #fail(error: PeerLostError): Promise<void> {
    const { rank, message, group, op, sequence } = error;
    return this.#end({
      kind: "abort",
      rank,
      message,
      group: [...(group ?? [])],
      op: op ?? "",
      sequence: sequence ?? 0,
    }, error);
  }

  /** Tells all peers, then rejects all calls with `reason`, then frees everything. Only the first end counts. */
  #end(news: Message, reason: Error): Promise<void> {
    this.#ending ??= (async () => {
      const told = [...this.#links.values()].map((link) => link.send(news));
      await soon(TELL_MS, [Promise.all(told)]);
      this.#failure.abort(reason);
      void this.#free();
    })();
    return this.#ending;
  }

  /** Closes all that is open; again: nothing. */
  async #free(): Promise<void> {
    await Promise.all([...this.#groups.values()].map(({ group }) => group?.close()));
    await this.#acceptor?.close();
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

function reasonOf(result: PromiseSettledResult<void>): string {
  if (result.status === "fulfilled") return "it did";
  return result.reason instanceof Error ? result.reason.message : String(result.reason);
}

/** How long a group connection's end waits for the control link to say why. */
const VERDICT_MS = 1_000;
/** How long a rank that fails or leaves tries to tell its peers. */
const TELL_MS = 500;
/** Longest wait for a rank to say what it waits for. */
const MAX_PATIENCE_MS = 2_000;
