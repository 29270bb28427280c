// A process group: the collectives, as the engine's bytes moved over one connection per peer.
//
//   call  ->  queue  ->  engine.begin  ->  to each peer: header, then bytes as they become ready    ->  promise
//                                          from each peer: header compared, then bytes to their place
//
// Calls run one after the other in the order they were made; groups run beside each other. Sending and receiving run at
// the same time, so a long collective is pipelined: what arrives is added and sent on while the next bytes arrive.

import { requireCounts, requireFloats, requireLength, requireRoot, sum } from "./arguments.ts";
import { type Collective, Engine } from "./engine.ts";
import { describeSite, type FailureSite, PeerLostError } from "./failure.ts";
import {
  decodeHeader,
  difference,
  digestCounts,
  encodeHeader,
  type Fingerprint,
  FrameError,
  type Header,
  HEADER_BYTES,
  type Op,
} from "./frame.ts";
import type { CallRecorder } from "./recorder.ts";
import { type GroupProgress, watchForStall } from "./stall.ts";
import { type Connection, ConnectionClosedError } from "./transport.ts";

/** Counts of what a group has moved, for tests and logs. */
export interface GroupCounters {
  /** Collectives finished; those of a group of one rank are none. */
  readonly collectives: number;
  /** Payload and headers, in bytes, written to the wire by this rank. */
  readonly bytesSent: number;
  /** Payload and headers, in bytes, read from the wire by this rank. */
  readonly bytesReceived: number;
}

/** What a group needs of the world it belongs to. */
export interface GroupHost {
  /** Global rank of this process. */
  readonly rank: number;
  /** Fires when the world has failed or is closed; its reason is what every call rejects with. */
  readonly failure: AbortSignal;
  /** Milliseconds without a byte moved after which somebody is to blame. */
  readonly stallTimeoutMs: number;
  /** Fails the world. */
  fail(error: PeerLostError): Promise<void>;
  /** A peer's connection ended: fails the world, naming the rank at the root of it. */
  ended(peer: number, site: FailureSite): Promise<void>;
  /** No bytes came from `peer` for the stall timeout: finds who holds everybody up, and fails the world if anyone does. */
  stalled(peer: number, site: FailureSite & { readonly id: string }): Promise<void>;
}

/** What a group is made of. */
export interface GroupParts {
  /** The world it belongs to. */
  readonly host: GroupHost;
  /** Global ranks, in group order. */
  readonly ranks: readonly number[];
  /** Its id on the wire. */
  readonly id: bigint;
  /** A connection to every other rank, by group rank. The group owns them. */
  readonly connections: ReadonlyMap<number, Connection>;
  /** Kept up to date by the group, read by its world. */
  readonly progress: GroupProgress;
  /** Is told of every call. */
  readonly recorder: CallRecorder;
}

/**
 * A set of ranks that run collectives together. Every rank of the group makes the same calls in the same order; values
 * are f32 and must stay untouched until the call's promise settles. Several calls may be in flight.
 *
 * Every call rejects with one and the same `PeerLostError` once a peer is lost, and with a RangeError or TypeError,
 * before anything is sent, if its own arguments are wrong.
 *
 * ```ts
 * await using world = await launchFromEnv();
 * const gradient = new Float32Array([1, 2, 3]);
 * await world.group.allReduce(gradient);
 * ```
 */
export class ProcessGroup {
  /** This rank's position in the group. */
  readonly rank: number;
  /** Number of ranks in the group. */
  readonly size: number;
  /** Global ranks, in group order. */
  readonly ranks: readonly number[];

  readonly #host: GroupHost;
  readonly #id: bigint;
  readonly #connections: ReadonlyMap<number, Connection>;
  readonly #progress: GroupProgress;
  readonly #recorder: CallRecorder;
  readonly #engine: Engine | undefined;
  readonly #staging = new Uint8Array(STAGING_BYTES);
  readonly #countedBefore: { readonly sent: number; readonly received: number };
  #arrived = Promise.withResolvers<void>();
  #calls = 0;
  #finished = 0;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  /** Groups are made by `World.createGroup` and by meshes. */
  constructor({ host, ranks, id, connections, progress, recorder }: GroupParts) {
    this.ranks = ranks;
    this.rank = ranks.indexOf(host.rank);
    this.size = ranks.length;
    this.#host = host;
    this.#id = id;
    this.#connections = connections;
    this.#progress = progress;
    this.#recorder = recorder;
    this.#engine = this.size > 1 ? new Engine(this.rank, this.size) : undefined;
    this.#countedBefore = this.#bytes();
  }

  /** Counts so far. */
  get counters(): GroupCounters {
    const { sent, received } = this.#bytes();
    return {
      collectives: this.#finished,
      bytesSent: sent - this.#countedBefore.sent,
      bytesReceived: received - this.#countedBefore.received,
    };
  }

  /** Replaces `values` by its elementwise sum over all ranks; every rank gets the same bits. */
  async allReduce(values: Float32Array): Promise<void> {
    requireFloats(values, "allReduce");
    await this.#run({ op: "allReduce", count: values.length }, bytesOf(values));
  }

  /** Sums `values` over ranks and returns this rank's part; `counts[r]` elements go to rank r, in order. */
  async reduceScatter(values: Float32Array, counts: readonly number[]): Promise<Float32Array> {
    requireFloats(values, "reduceScatter");
    requireCounts(counts, this.size, "reduceScatter");
    requireLength(values.length, sum(counts), "reduceScatter() values as its counts sum up");
    const sums = values.slice();
    await this.#run({ op: "reduceScatter", counts: [...counts] }, bytesOf(sums));
    const begin = sum(counts.slice(0, this.rank));
    return sums.slice(begin, begin + counts[this.rank]);
  }

  /** Returns all ranks' shards one after the other; rank r contributes `counts[r]` elements. */
  async allGather(shard: Float32Array, counts: readonly number[]): Promise<Float32Array> {
    requireFloats(shard, "allGather");
    requireCounts(counts, this.size, "allGather");
    requireLength(shard.length, counts[this.rank], `allGather() elements of rank ${this.rank}`);
    const whole = new Float32Array(sum(counts));
    whole.set(shard, sum(counts.slice(0, this.rank)));
    await this.#run({ op: "allGather", counts: [...counts] }, bytesOf(whole));
    return whole;
  }

  /** Replaces `values` by rank `root`'s; `root` is a group rank. */
  async broadcast(values: Float32Array, root: number): Promise<void> {
    requireFloats(values, "broadcast");
    requireRoot(root, this.size);
    await this.#run({ op: "broadcast", count: values.length, root }, bytesOf(values));
  }

  /** Waits until every rank has called it. */
  async barrier(): Promise<void> {
    await this.#run({ op: "barrier" }, new Uint8Array(this.size));
  }

  /** Closes this rank's connections of the group; calls reject from then on. Again: nothing. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      for (const connection of this.#connections.values()) connection.close();
      this.#arrived.resolve();
    }
    await this.#last;
    this.#engine?.[Symbol.dispose]();
  }

  /** Queues a call behind those made before. */
  #run(collective: Collective, values: Uint8Array): Promise<void> {
    const sequence = this.#calls++;
    const fingerprint = this.#fingerprint(collective, sequence);
    if (this.size > 1) this.#recorder.queued(fingerprint);
    const run = this.#last.then(async () => {
      this.#requireOpen();
      if (this.#engine === undefined) return;
      await this.#execute(this.#engine, { collective, sequence, values, fingerprint });
    });
    this.#last = run.catch(() => {});
    return run;
  }

  async #execute(
    engine: Engine,
    { collective, sequence, values, fingerprint }: Call,
  ): Promise<void> {
    const site = this.#site(collective.op, sequence);
    engine.begin(collective, values);
    this.#recorder.began(
      sequence,
      sum(engine.sendPeers.map((peer) => engine.bytesTo(peer))) +
        sum(engine.receivePeers.map((peer) => engine.bytesFrom(peer))),
    );
    this.#progress.site = site;
    this.#progress.waitingFor = this.ranks[engine.receivePeers[0]];
    this.#moved(sequence, 0);
    const watch = watchForStall(this.#progress, {
      timeoutMs: this.#host.stallTimeoutMs,
      stalled: (rank) => this.#host.stalled(rank, { ...site, id: this.#progress.group }),
    });
    const sends = engine.sendPeers.map((peer) =>
      this.#blame(peer, site, () => this.#sendTo(peer, engine, fingerprint))
    );
    const receives = engine.receivePeers.map(async (peer) => {
      await this.#blame(peer, site, () => this.#receiveFrom(peer, engine, { fingerprint, site }));
      this.#progress.waitingFor = this.ranks[engine.sendPeers[0]];
    });
    try {
      const results = await Promise.allSettled([...sends, ...receives]);
      if (results.some(({ status }) => status === "rejected")) this.#requireOpen();
      for (const result of results) if (result.status === "rejected") throw result.reason;
      this.#recorder.ended(sequence, "finished");
    } catch (error) {
      this.#recorder.ended(sequence, "failed");
      throw error;
    } finally {
      clearInterval(watch);
      this.#progress.site = undefined;
      this.#progress.waitingFor = undefined;
    }
    this.#finished++;
    this.#progress.finished = sequence + 1;
  }

  /** Sends the header and, with it if it is short, what may go at once; then the rest as it becomes ready. */
  async #sendTo(peer: number, engine: Engine, fingerprint: Fingerprint): Promise<void> {
    const connection = this.#connection(peer);
    let left = engine.bytesTo(peer);
    encodeHeader({ ...fingerprint, payloadBytes: left }, this.#staging);
    const ready = engine.nextSend(peer);
    const short = ready !== undefined && ready.length <= STAGING_BYTES - HEADER_BYTES
      ? ready
      : EMPTY;
    this.#staging.set(short, HEADER_BYTES);
    await connection.writeAll(this.#staging.subarray(0, HEADER_BYTES + short.length));
    if (short.length > 0) {
      engine.sent(peer, short.length);
      this.#moved(fingerprint.sequence, short.length);
    }
    left -= short.length;
    while (left > 0) {
      const bytes = engine.nextSend(peer);
      if (bytes === undefined) {
        this.#requireOpen();
        await this.#arrived.promise;
        continue;
      }
      const written = await connection.write(bytes);
      engine.sent(peer, written);
      left -= written;
      this.#moved(fingerprint.sequence, written);
    }
  }

  /** Compares the peer's header with this rank's call, then takes its bytes. */
  async #receiveFrom(
    peer: number,
    engine: Engine,
    { fingerprint, site }: { readonly fingerprint: Fingerprint; readonly site: FailureSite },
  ): Promise<void> {
    const connection = this.#connection(peer);
    const header = new Uint8Array(HEADER_BYTES);
    await connection.readFully(header);
    const mine = { ...fingerprint, payloadBytes: engine.bytesFrom(peer) };
    this.#requireSameCall(peer, { mine, theirs: decodeHeader(header), site });
    for (let place = engine.nextReceive(peer); place; place = engine.nextReceive(peer)) {
      const bytes = await connection.read(place);
      engine.received(peer, bytes);
      this.#moved(fingerprint.sequence, bytes);
    }
  }

  #requireSameCall(
    peer: number,
    { mine, theirs, site }: {
      readonly mine: Header;
      readonly theirs: Header;
      readonly site: FailureSite;
    },
  ): void {
    const rank = this.ranks[peer];
    const text = difference({ rank: this.#host.rank, header: mine }, { rank, header: theirs });
    if (text === undefined) return;
    throw new PeerLostError(
      rank,
      `Ranks ${this.#host.rank} and ${rank} do not make the same call${
        describeSite(site)
      }: ${text}`,
      site,
    );
  }

  /** Runs `work` with `peer`; when it fails, the world fails with the rank that is to blame. */
  async #blame(peer: number, site: FailureSite, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#closed || this.#host.failure.aborted) throw error;
      await this.#fail(this.ranks[peer], site, error);
      throw error;
    }
  }

  #fail(peer: number, site: FailureSite, cause: unknown): Promise<void> {
    if (cause instanceof PeerLostError) return this.#host.fail(cause);
    if (cause instanceof ConnectionClosedError) return this.#host.ended(peer, site);
    const [rank, what] = cause instanceof FrameError
      ? [peer, `Rank ${peer} sent bytes that are no frame`]
      : [this.#host.rank, `Rank ${this.#host.rank} failed`];
    const text = cause instanceof Error ? cause.message : String(cause);
    return this.#host.fail(
      new PeerLostError(rank, `${what}${describeSite(site)}: ${text}`, { ...site, cause }),
    );
  }

  /** Where this rank is, with the bytes moved at the time of asking. */
  #site(op: Op, sequence: number): FailureSite {
    const recorder = this.#recorder;
    return {
      group: this.ranks,
      op,
      sequence,
      get bytesDone() {
        return recorder.bytesOf(sequence).bytesDone;
      },
      get bytesExpected() {
        return recorder.bytesOf(sequence).bytesExpected;
      },
    };
  }

  /** Notes that bytes have moved, and wakes senders that wait for them. */
  #moved(sequence: number, bytes: number): void {
    this.#recorder.moved(sequence, bytes);
    this.#progress.movedAt = performance.now();
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  #fingerprint(collective: Collective, sequence: number): Fingerprint {
    const counts = "counts" in collective ? collective.counts : undefined;
    return {
      op: collective.op,
      dtype: "f32",
      algorithm: collective.op === "broadcast" ? "chain" : "ring",
      group: this.#id,
      sequence: sequence >>> 0,
      root: "root" in collective ? collective.root : 0,
      count: "count" in collective ? collective.count : sum(counts ?? []),
      countsDigest: counts === undefined ? 0 : digestCounts(counts),
    };
  }

  #requireOpen(): void {
    this.#host.failure.throwIfAborted();
    if (this.#closed) throw new Error(`The group of ranks [${this.ranks.join(", ")}] is destroyed`);
  }

  #connection(peer: number): Connection {
    const connection = this.#connections.get(peer);
    if (connection === undefined) throw new Error(`Rank ${this.ranks[peer]} is not connected`);
    return connection;
  }

  #bytes(): { readonly sent: number; readonly received: number } {
    let [sent, received] = [0, 0];
    for (const { bytesSent, bytesReceived } of this.#connections.values()) {
      sent += bytesSent;
      received += bytesReceived;
    }
    return { sent, received };
  }
}

interface Call {
  readonly collective: Collective;
  readonly sequence: number;
  readonly values: Uint8Array;
  readonly fingerprint: Fingerprint;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Short payloads travel in one write with their header. */
const STAGING_BYTES = 32 << 10;
const EMPTY = new Uint8Array();
