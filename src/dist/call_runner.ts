// A group's calls, run in order: each with its number, its fingerprint and its place in the record, watched for stalls;
// and what goes wrong, blamed on the rank at the root of it.
//
//   call -> order -> engine.begin -> collective_run.ts -> promise
//           order -> message: header and values to, or from, one peer -> promise

import { sum } from "./arguments.ts";
import { blame, type GroupHost } from "./blame.ts";
import { CallOrder } from "./call_order.ts";
import type { Alarm } from "./clock.ts";
import { runCollective } from "./collective_run.ts";
import { type Collective, Engine, type Memory } from "./engine.ts";
import { describeSite, type FailureSite, PeerLostError } from "./failure.ts";
import { digestCounts, type Dtype, type Fingerprint, HEADER_BYTES } from "./frame.ts";
import { FrameHeader, Peer, STAGING_BYTES } from "./peer.ts";
import type { CallRecorder } from "./recorder.ts";
import { type GroupProgress, watchForStall } from "./stall.ts";
import type { Connection } from "./transport.ts";

/** What the calls of a group run on. */
export interface RunnerParts {
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
  /** Is told of every collective. */
  readonly recorder: CallRecorder;
}

/** One message between two ranks. */
export interface Message {
  /** Group rank of the other one. */
  readonly peer: number;
  readonly dtype: Dtype;
  /** Elements. */
  readonly count: number;
  readonly values: Uint8Array;
  readonly signal: AbortSignal | undefined;
}

/** A call under way, and the global rank that must act next in it. */
type Running = Pick<GroupProgress, "site" | "waitingFor">;

/** Runs the calls of one group of two or more ranks. */
export class CallRunner {
  readonly #parts: RunnerParts;
  readonly #engine: Engine;
  /** From the next rank on, round to the one before. */
  readonly #peers: readonly Peer[];
  readonly #order = new CallOrder();
  readonly #sent: number[];
  readonly #received: number[];
  readonly #messages = new Set<Running>();
  #watch: Alarm | undefined;
  #calls = 0;
  #finished = 0;
  #closed = false;

  constructor(parts: RunnerParts) {
    const { host, ranks, connections } = parts;
    const size = ranks.length;
    const rank = ranks.indexOf(host.rank);
    this.#parts = parts;
    this.#sent = ranks.map(() => 0);
    this.#received = ranks.map(() => 0);
    this.#peers = Array.from({ length: size - 1 }, (_, distance) => {
      const peer = (rank + distance + 1) % size;
      const connection = connections.get(peer);
      if (connection === undefined) throw new Error(`Rank ${ranks[peer]} is not connected`);
      return new Peer(peer, connection);
    });
    this.#engine = new Engine(rank, size);
  }

  /** Collectives finished. */
  get finished(): number {
    return this.#finished;
  }

  /** Queues a collective behind the calls made before. */
  collective(
    collective: Collective,
    { memory, signal }: { readonly memory: Memory; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    const fingerprint = this.#fingerprint(collective);
    this.#parts.recorder.queued(fingerprint);
    const site = this.#site(fingerprint);
    return this.#abortable(signal, site, () =>
      this.#order.collective(async () => {
        this.#requireOpen();
        this.#engine.begin(collective, memory);
        await this.#execute(fingerprint, site);
      }));
  }

  /** Queues a message to a peer, behind the collectives and the messages to it made before. */
  send(message: Message): Promise<void> {
    const { peer, values, signal } = message;
    const header = this.#messageHeader(message, this.#sent[peer]++);
    return this.#message(`to ${peer}`, { peer, op: "send", signal }, async (to) => {
      const short = values.subarray(0, STAGING_BYTES - HEADER_BYTES);
      to.outgoing.set(header.with(values.length));
      to.outgoing.set(short, HEADER_BYTES);
      await to.connection.writeAll(to.outgoing.subarray(0, HEADER_BYTES + short.length));
      for (let done = short.length; done < values.length;) {
        done += await to.connection.write(values.subarray(done));
        this.#parts.progress.movedAt = this.#parts.host.clock.now();
      }
    });
  }

  /** Queues the receipt of a message from a peer, behind the collectives and the messages from it made before. */
  receive(message: Message): Promise<void> {
    const { peer, values, signal } = message;
    const header = this.#messageHeader(message, this.#received[peer]++);
    return this.#message(`from ${peer}`, { peer, op: "receive", signal }, async (from) => {
      await from.readHeader(header, values.length);
      for (let done = 0; done < values.length;) {
        done += await from.connection.read(values.subarray(done));
        this.#parts.progress.movedAt = this.#parts.host.clock.now();
      }
    });
  }

  /** Closes all connections; calls reject from then on. Resolves when none runs any more. Again: nothing. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      for (const { connection } of this.#peers) connection.close();
      this.#watch?.stop();
    }
    await this.#order.idle();
    this.#engine[Symbol.dispose]();
  }

  async #execute(fingerprint: Fingerprint, site: FailureSite): Promise<void> {
    const { recorder, progress, ranks } = this.#parts;
    const { sequence, algorithm } = fingerprint;
    const engine = this.#engine;
    const isNeighbourly = algorithm === "ring" || algorithm === "chain";
    const to = isNeighbourly ? this.#peers.slice(0, 1) : this.#peers;
    const from = isNeighbourly ? this.#peers.slice(-1) : this.#peers;
    recorder.began(
      sequence,
      sum(to.map(({ rank }) => engine.bytesTo(rank))) +
        sum(from.map(({ rank }) => engine.bytesFrom(rank))),
    );
    progress.site = site;
    progress.movedAt = this.#parts.host.clock.now();
    this.#startWatch();
    try {
      await runCollective({
        engine,
        header: new FrameHeader(fingerprint),
        to,
        from,
        listener: {
          moved: (bytes, waitingFor) => {
            progress.waitingFor = waitingFor === undefined ? undefined : ranks[waitingFor];
            if (bytes === 0) return;
            recorder.moved(sequence, bytes);
            progress.movedAt = this.#parts.host.clock.now();
          },
          failed: (peer, error) => this.#blame(peer, site, error),
        },
      });
      recorder.ended(sequence, "finished");
    } catch (error) {
      recorder.ended(sequence, "failed");
      this.#requireOpen();
      throw error;
    } finally {
      this.#show(undefined);
    }
    this.#finished++;
    progress.finished = this.#finished;
  }

  #message(
    key: string,
    { peer, op, signal }: {
      readonly peer: number;
      readonly op: "send" | "receive";
      readonly signal: AbortSignal | undefined;
    },
    move: (peer: Peer) => Promise<void>,
  ): Promise<void> {
    const { ranks, progress } = this.#parts;
    // Its place among the collectives: that is what a rank that is asked about it can compare.
    const site = { group: ranks, op, sequence: this.#calls };
    return this.#abortable(signal, site, () =>
      this.#order.message(key, async () => {
        this.#requireOpen();
        const running = { site, waitingFor: ranks[peer] };
        this.#messages.add(running);
        this.#show(running);
        progress.movedAt = this.#parts.host.clock.now();
        this.#startWatch();
        try {
          await move(this.#peerAt(peer));
        } catch (error) {
          await this.#blame(peer, site, error);
          this.#requireOpen();
          throw error;
        } finally {
          this.#messages.delete(running);
          this.#show(this.#messages.values().next().value);
        }
      }));
  }

  /** What the world sees of this rank: the collective that runs, or one of the messages. */
  #show(running: Running | undefined): void {
    const { progress } = this.#parts;
    progress.site = running?.site;
    progress.waitingFor = running?.waitingFor;
  }

  /** Fails the world when `signal` fires before the call has ended. */
  #abortable(
    signal: AbortSignal | undefined,
    site: FailureSite,
    call: () => Promise<void>,
  ): Promise<void> {
    if (signal === undefined) return call();
    const { host } = this.#parts;
    const abort = () => {
      const why = signal.reason instanceof Error ? signal.reason.message : String(signal.reason);
      const text = `Rank ${host.rank} was told to abort${describeSite(site)}: ${why}`;
      void host.fail(new PeerLostError(host.rank, text, { ...site, cause: signal.reason }));
    };
    signal.addEventListener("abort", abort, { once: true });
    return call().finally(() => signal.removeEventListener("abort", abort));
  }

  async #blame(peer: number, site: FailureSite, cause: unknown): Promise<void> {
    const { host, ranks } = this.#parts;
    if (this.#closed || host.failure.aborted) return;
    await blame(ranks[peer], { host, site, cause });
  }

  /** One clock for all calls of the group, which does not keep the process alive. */
  #startWatch(): void {
    const { progress, host } = this.#parts;
    this.#watch ??= watchForStall(progress, {
      clock: host.clock,
      timeoutMs: host.stallTimeoutMs,
      stalled: (rank) => host.stalled(rank, { ...progress.site, id: progress.group }),
    });
  }

  #fingerprint(collective: Collective): Fingerprint {
    const { op, dtype, algorithm, reduction, root, count, counts } = collective;
    const sequence = this.#calls++ >>> 0;
    // What goes to whom in an all-to-all is for each two ranks to agree on, by the length of their frame.
    const isShared = counts !== undefined && op !== "allToAll";
    const countsDigest = isShared ? digestCounts(counts) : 0;
    const group = this.#parts.id;
    return { op, dtype, algorithm, reduction, group, sequence, root, count, countsDigest };
  }

  #messageHeader({ dtype, count }: Message, sequence: number): FrameHeader {
    return new FrameHeader({
      op: "send",
      dtype,
      algorithm: "direct",
      reduction: "sum",
      group: this.#parts.id,
      sequence: sequence >>> 0,
      root: 0,
      count,
      countsDigest: 0,
    });
  }

  /** Where this rank is, with the bytes moved at the time of asking. */
  #site({ op, sequence }: Fingerprint): FailureSite {
    const { recorder, ranks } = this.#parts;
    return {
      group: ranks,
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

  #peerAt(rank: number): Peer {
    const peer = this.#peers.find((each) => each.rank === rank);
    if (peer === undefined) throw new Error(`Rank ${rank} of the group is no peer`);
    return peer;
  }

  #requireOpen(): void {
    const { host, ranks } = this.#parts;
    host.failure.throwIfAborted();
    if (this.#closed) throw new Error(`The group of ranks [${ranks.join(", ")}] is destroyed`);
  }
}
