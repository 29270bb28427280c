// Runs a group's calls in order: numbers, fingerprints and records each, and watches it for stalls.
//
//   collective -> order -> engine.begin -> collective_run.ts -> promise
//   message    -> order -> point_to_point.ts                 -> promise

import type { GroupHost } from "./blame.ts";
import { CallGuard } from "./call_guard.ts";
import { CallOrder } from "./call_order.ts";
import { CollectiveRun } from "./collective_run.ts";
import { type Collective, Engine, type Memory } from "./engine.ts";
import type { FailureSite } from "../failures/failure.ts";
import { digestCounts, type Fingerprint } from "../wire/frame.ts";
import { type PeerMessage, PointToPoint } from "./point_to_point.ts";
import { GroupPeer } from "./group_peer.ts";
import { beginUse, endUse, type MemoryUse } from "./memory_in_use.ts";
import type { CallRecorder } from "../records/call_recorder.ts";
import type { GroupProgress, RunningCall } from "../failures/stall.ts";
import type { Connection } from "../wire/transport.ts";

/** Dependencies of a group's calls. */
export interface RunnerParts {
  /** The world it belongs to. */
  readonly host: GroupHost;
  /** Global ranks, in group order. */
  readonly ranks: readonly number[];
  /** The group's id on the wire. */
  readonly id: bigint;
  /** A connection to every other rank, by group rank. The group owns them. */
  readonly connections: ReadonlyMap<number, Connection>;
  /** Updated by the group, read by its world. */
  readonly progress: GroupProgress;
  /** Records every call. */
  readonly recorder: CallRecorder;
}

/** A collective and its label, which is of no concern to the engine. */
export interface LabelledCollective extends Collective {
  /** What is exchanged; "" if the caller does not say. */
  readonly label: string;
}

/** A queued collective. */
interface Call {
  readonly collective: Collective;
  readonly memory: Memory;
  readonly fingerprint: Fingerprint;
  readonly use: MemoryUse;
}

/** Runs the calls of one group of two or more ranks. */
export class CallRunner {
  readonly #parts: RunnerParts;
  readonly #engine: Engine;
  readonly #run: CollectiveRun;
  readonly #pointToPoint: PointToPoint;
  readonly #order = new CallOrder();
  readonly #guard: CallGuard;
  /** The running collective, for the world. */
  readonly #running: RunningCall;
  #runs: Fingerprint | undefined;
  #calls = 0;
  #finished = 0;

  constructor(parts: RunnerParts) {
    const { host, ranks, progress, id } = parts;
    this.#parts = parts;
    this.#engine = new Engine(ranks.indexOf(host.rank), ranks.length);
    const peers = peersOf(parts, this.#engine);
    this.#guard = new CallGuard(host, ranks, progress);
    this.#pointToPoint = new PointToPoint({
      engine: this.#engine,
      ranks,
      id,
      peers,
      progress,
      order: this.#order,
      guard: this.#guard,
      recorder: parts.recorder.messages,
      place: () => this.#calls,
    });
    this.#run = new CollectiveRun(this.#engine, { rank: ranks.indexOf(host.rank), peers }, {
      moved: (bytes) => this.#moved(bytes),
      failed: (peer, error) => this.#guard.reportFailure(peer, this.#running.site, error),
    });
    this.#running = this.#runningCall();
  }

  /** Collectives finished. */
  get finished(): number {
    return this.#finished;
  }

  /** Queues a collective after the calls made before. @throws as `beginUse`. */
  collective(
    collective: LabelledCollective,
    { memory, signal }: { readonly memory: Memory; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    const use: MemoryUse = {
      lane: { group: this.#order, key: "" },
      op: collective.op,
      ranks: this.#parts.ranks,
      reads: memory.values,
      writes: memory.result,
    };
    beginUse(use);
    const fingerprint = this.#fingerprint(collective);
    const call = { collective, memory, fingerprint, use };
    this.#parts.recorder.queued(fingerprint);
    const isNext = this.#order.isIdle;
    const run = this.#order.collective(() => this.#start(call, isNext ? "at once" : "queued"));
    if (signal === undefined) return run;
    return this.#guard.abortable(run, { signal, site: () => this.#site(fingerprint) });
  }

  /** Queues a message to a peer, after the collectives and the messages to it made before. */
  send(message: PeerMessage): Promise<void> {
    return this.#pointToPoint.send(message);
  }

  /** Queues the receipt of a message from a peer, after the collectives and the messages from it made before. */
  receive(message: PeerMessage): Promise<void> {
    return this.#pointToPoint.receive(message);
  }

  /** Closes all connections, so that calls reject; resolves when none is running. Idempotent. */
  async close(): Promise<void> {
    if (this.#guard.close()) {
      for (const connection of this.#parts.connections.values()) connection.close();
    }
    await this.#order.idle();
    this.#engine[Symbol.dispose]();
  }

  async #start(
    { collective, memory, fingerprint, use }: Call,
    when: "at once" | "queued",
  ): Promise<void> {
    const { recorder } = this.#parts;
    const { sequence } = fingerprint;
    try {
      this.#guard.requireOpen();
      this.#engine.begin(collective, memory);
      this.#runs = fingerprint;
      this.#guard.begin(this.#running);
      try {
        const run = this.#run.start(fingerprint);
        if (when === "at once") recorder.beganAtOnce(sequence, this.#run.bytesExpected);
        else recorder.began(sequence, this.#run.bytesExpected);
        await run;
      } catch (error) {
        recorder.ended(sequence, "failed");
        throw this.#guard.reasonFor(error);
      } finally {
        this.#parts.progress.running = undefined;
      }
    } finally {
      endUse(use);
    }
    recorder.ended(sequence, "finished");
    this.#finished++;
    this.#parts.progress.finished = this.#finished;
  }

  #moved(bytes: number): void {
    if (this.#runs !== undefined) this.#parts.recorder.moved(this.#runs.sequence, bytes);
    this.#parts.progress.moves++;
  }

  #runningCall(): RunningCall {
    const site = () => this.#runs === undefined ? {} : this.#site(this.#runs);
    const waitingFor = () => {
      const { waitingFor } = this.#run;
      return waitingFor === undefined ? undefined : this.#parts.ranks[waitingFor];
    };
    return {
      get site() {
        return site();
      },
      get waitingFor() {
        return waitingFor();
      },
    };
  }

  #fingerprint(collective: LabelledCollective): Fingerprint {
    const { op, dtype, algorithm, reduction, root, count, counts, label } = collective;
    const sequence = this.#calls++ >>> 0;
    // The counts of an all-to-all differ by rank; every pair of ranks compares the length of its frame instead.
    const isShared = counts !== undefined && op !== "allToAll";
    const countsDigest = isShared ? digestCounts(counts) : 0;
    const group = this.#parts.id;
    return { op, dtype, algorithm, reduction, group, sequence, root, count, countsDigest, label };
  }

  /** This rank's progress in a call. */
  #site({ op, sequence }: Fingerprint): FailureSite {
    const { recorder, ranks } = this.#parts;
    return { group: ranks, op, sequence, ...recorder.bytesOf(sequence) };
  }
}

/** All other ranks, from the next one on, wrapping around. */
function peersOf({ host, ranks, connections }: RunnerParts, engine: Engine): GroupPeer[] {
  const size = ranks.length;
  const rank = ranks.indexOf(host.rank);
  return Array.from({ length: size - 1 }, (_, distance) => {
    const peer = (rank + distance + 1) % size;
    const connection = connections.get(peer);
    if (connection === undefined) throw new Error(`Rank ${ranks[peer]} is not connected`);
    return new GroupPeer(peer, connection, engine);
  });
}
