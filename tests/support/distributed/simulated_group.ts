// Simulates the n ranks of one group in one thread and in virtual time, with simulated connections (simulated_wire.ts), two
// for every pair: one for the group and one for control messages. Faults can happen after any byte.
//
// Everything but the sockets, the clock and the rendezvous is the real code: group, runner, engine in WebAssembly, control
// links, control plane, stall detection. Virtual time is limited, so a deadlock is reported.

import { setImmediate } from "node:timers";
import type { AlgorithmOptions } from "../../../src/distributed/calls/algorithm_table.ts";
import { parseAlgorithms } from "../../../src/distributed/calls/algorithm_table.ts";
import type { Clock } from "../../../src/distributed/wire/clock.ts";
import { ControlLink } from "../../../src/distributed/membership/control_link.ts";
import { ProcessGroup } from "../../../src/distributed/group.ts";
import { ControlPlane } from "../../../src/distributed/membership/control_plane.ts";
import { CallRecorder } from "../../../src/distributed/records/call_recorder.ts";
import { noProgress } from "../../../src/distributed/failures/stall.ts";
import {
  type Integrity,
  MessageSums,
  type Session,
} from "../../../src/distributed/wire/session.ts";
import type { Connection } from "../../../src/distributed/wire/transport.ts";
import { randomBelow } from "./random_below.ts";
import { sockets, streams } from "./simulated_network.ts";
import type { Link, Travel } from "./simulated_wire.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** A fault that happens when `after` bytes have been sent from rank `from` to rank `to`. */
export interface Fault {
  /**
   * `close`: that connection ends in both directions. `kill`, `stop`: the process of `from`. `cut`: the cable of `from`.
   * `silence`: that connection delivers nothing any more. `dribble`: its bytes arrive one by one, `intervalMs` apart.
   * `damage`: the next byte is changed in transit.
   */
  readonly kind: "close" | "kill" | "stop" | "cut" | "silence" | "dribble" | "damage";
  readonly from: number;
  readonly to: number;
  readonly after: number;
  /** Which of the two connections of the ranks. Default: that of the group. */
  readonly on?: "group" | "control";
  readonly intervalMs?: number;
  /** Bits that damage flips. Default: some. */
  readonly mask?: number;
}

/** What carries a group's bytes; control messages go over sockets. */
export type SimulatedTransport = "tcp" | "unix" | "mpi" | "mpi between hosts";

/** Options of `simulateGroup`. */
export interface SimulationOptions {
  readonly size: number;
  readonly seed: number;
  /** Per rank, or for all. */
  readonly algorithms?: AlgorithmOptions | readonly AlgorithmOptions[];
  /** Default: unix. What is sent over tcp, or over MPI to ranks of other hosts, is followed by sums. */
  readonly transport?: SimulatedTransport;
  /** These sums. Default: keyed. */
  readonly integrity?: Integrity;
  /** Most bytes that move at a time, or in a message over MPI. Default: 9. */
  readonly longest?: number;
  /** Most bytes between a writer and a reader. Default: 40. */
  readonly capacity?: number;
  /** Milliseconds from rank to rank, the same everywhere. Default: seeded. */
  readonly latencyMs?: number;
  /** Default: 60 000. */
  readonly stallTimeoutMs?: number;
  /** Virtual milliseconds in which all ranks must end. Default: 600 000. */
  readonly limitMs?: number;
  readonly faults?: readonly Fault[];
  /** Receives what ranks say to whoever runs the job. */
  readonly said?: string[];
}

/** A rank's part in a simulation. */
export interface SimulatedRank {
  readonly group: ProcessGroup;
  readonly clock: Clock;
  /** Leaves the job normally. */
  readonly close: () => Promise<void>;
}

/** How a rank's body has ended, and when; `stopped` if it was killed or stopped before. */
export type Outcome<T> =
  & (PromiseSettledResult<T> | { readonly status: "stopped" })
  & { readonly at: number };

/** How each rank's body ended, and how many bytes went from each rank to each. */
export interface SimulationResult<T> {
  readonly outcomes: readonly Outcome<T>[];
  /** Bytes of the group from each rank to each, and of control. */
  readonly bytes: readonly (readonly number[])[];
  readonly controlBytes: readonly (readonly number[])[];
  /** When the first fault happened. */
  readonly struckAt: number | undefined;
  /** The records of each rank. */
  readonly recorders: readonly CallRecorder[];
}

/** Runs `body` on every rank, and closes them. @throws {Error} if ranks do not end within the limit, or leave something open. */
export async function simulateGroup<T>(
  options: SimulationOptions,
  body: (group: ProcessGroup, rank: SimulatedRank) => Promise<T>,
): Promise<SimulationResult<T>> {
  return await new Simulation<T>(options).run(body);
}

class Simulation<T> {
  readonly #options: SimulationOptions;
  readonly #clock = new VirtualClock();
  readonly #group: readonly (readonly Link[])[];
  readonly #control: readonly (readonly Link[])[];
  readonly #ranks: readonly Rank[];
  #struckAt: number | undefined;

  constructor(options: SimulationOptions) {
    const { size, seed, longest = 9, capacity = 40, latencyMs, faults = [] } = options;
    const { transport = "unix", integrity = "keyed" } = options;
    this.#options = options;
    const travel: Travel = {
      clock: this.#clock,
      random: randomBelow(seed),
      longest,
      capacity,
      ...(latencyMs === undefined ? {} : { latencyMs }),
    };
    const isNear = transport === "unix" || transport === "mpi";
    const group = transport === "mpi" || transport === "mpi between hosts"
      ? streams(size, travel, isNear ? "local" : "none")
      : sockets(size, travel, transport);
    const slow = { ...travel, longest: 100, capacity: 4096 };
    const control = sockets(size, slow, isNear ? "unix" : "tcp");
    this.#group = group.links;
    this.#control = control.links;
    this.#ranks = Array.from({ length: size }, (_, rank) =>
      new Rank(rank, {
        ...options,
        clock: this.#clock,
        connect: (channel, peer, closed) => {
          const end = (channel === "group" ? group : control).open(rank, peer, closed);
          if (!isNear && integrity === "keyed") end.session = sessionBetween(rank, peer, channel);
          return end;
        },
      }));
    for (const fault of faults) {
      const wire = (fault.on === "control" ? this.#control : this.#group)[fault.from][fault.to];
      if (fault.kind === "damage") wire.damage(fault.after, fault.mask ?? 0x55);
      wire.when(fault.after, () => this.#strike(fault, wire));
    }
  }

  async run(
    body: (group: ProcessGroup, rank: SimulatedRank) => Promise<T>,
  ): Promise<SimulationResult<T>> {
    const outcomes: Outcome<T>[] = [];
    try {
      for (const rank of this.#ranks) {
        body(rank.group, rank).then(
          (value) => outcomes[rank.rank] = { status: "fulfilled", value, at: this.#clock.now() },
          (reason) => outcomes[rank.rank] = { status: "rejected", reason, at: this.#clock.now() },
        );
      }
      await this.#until(({ rank }) => outcomes[rank] !== undefined, "its calls have not ended");
      for (const rank of this.#ranks) void rank.close();
      await this.#until((rank) => rank.isFree, "it has not closed all that was open");
    } finally {
      for (const rank of this.#ranks) await rank.free();
    }
    return {
      outcomes: this.#ranks.map(({ rank, isStopped }) =>
        isStopped ? { status: "stopped", at: this.#clock.now() } : outcomes[rank]
      ),
      bytes: bytesOf(this.#group),
      controlBytes: bytesOf(this.#control),
      struckAt: this.#struckAt,
      recorders: this.#ranks.map(({ recorder }) => recorder),
    };
  }

  /** Advances time until every living rank has reached this point. */
  async #until(hasCome: (rank: Rank) => boolean, otherwise: string): Promise<void> {
    const { seed, limitMs = 600_000 } = this.#options;
    const late = () => this.#ranks.filter((rank) => !rank.isStopped && !hasCome(rank));
    const limit = this.#clock.now() + limitMs;
    while (true) {
      // All consequences of the last event happen before the next.
      await new Promise((resolve) => setImmediate(resolve));
      if (late().length === 0) return;
      if (this.#clock.now() > limit || !this.#clock.step()) {
        const ranks = late().map(({ rank }) => rank);
        throw new Error(`Rank ${ranks.join(", ")}: ${otherwise} (seed ${seed})`);
      }
    }
  }

  #strike({ kind, from, intervalMs }: Fault, wire: Link): void {
    this.#struckAt ??= this.#clock.now();
    const isOf = (peer: number) => peer !== from;
    const outgoing = [this.#group, this.#control].flatMap((all) =>
      all[from].filter((_, peer) => isOf(peer))
    );
    switch (kind) {
      case "close":
        return wire.cut();
      case "kill":
      case "stop":
        this.#ranks[from].stop();
        for (const each of outgoing) {
          each.isWriterStopped = true;
          each.back.isReaderStopped = true;
          if (kind === "kill") each.cut();
        }
        return;
      case "cut":
        for (const each of outgoing) {
          each.isSilent = true;
          each.back.isSilent = true;
        }
        return;
      case "silence":
        wire.isSilent = true;
        wire.back.isSilent = true;
        return;
      case "dribble":
        wire.dribbleMs = intervalMs;
        return;
      case "damage":
        return;
    }
  }
}

/** The keys that `rank` has for a connection with `peer`, as if derived by a handshake. */
function sessionBetween(rank: number, peer: number, channel: "group" | "control"): Session {
  const key = (from: number, to: number, use: number) =>
    new Uint8Array(32).fill(use).with(0, from).with(1, to).with(2, channel.length);
  const frames = Uint8Array.of(...key(rank, peer, 1), ...key(peer, rank, 1));
  const [sent, received] = [key(rank, peer, 2), key(peer, rank, 2)];
  return { frames, sent: new MessageSums(sent), received: new MessageSums(received) };
}

function bytesOf(all: readonly (readonly Link[])[]): readonly (readonly number[])[] {
  return all.map((row) => row.map(({ written }) => written));
}

interface RankParts extends SimulationOptions {
  readonly clock: VirtualClock;
  readonly connect: (channel: "group" | "control", peer: number, closed: () => void) => Connection;
}

/** One rank: the parts of a World, on simulated connections. */
class Rank implements SimulatedRank {
  readonly rank: number;
  readonly group: ProcessGroup;
  readonly clock: Clock;
  readonly recorder = new CallRecorder();
  readonly #controlPlane: ControlPlane;
  readonly #connections: Connection[] = [];
  #numOpen = 0;
  #isFreed = false;
  /** It does not run: no timers, reads or writes. */
  isStopped = false;

  constructor(rank: number, { size, clock, connect, ...options }: RankParts) {
    this.rank = rank;
    const { algorithms, stallTimeoutMs = 60_000 } = options;
    const ranks = Array.from({ length: size }, (_, each) => each);
    const peers = ranks.filter((peer) => peer !== rank);
    const open = (channel: "group" | "control", peer: number) => {
      this.#numOpen++;
      const connection = connect(channel, peer, () => this.#numOpen--);
      this.#connections.push(connection);
      return connection;
    };
    this.clock = {
      now: () => clock.now(),
      once: (milliseconds, ring) => clock.once(milliseconds, () => this.isStopped || ring()),
      every: (milliseconds, ring) => clock.every(milliseconds, () => this.isStopped || ring()),
    };
    const progress = noProgress("7");
    const connections = new Map(peers.map((peer) => [peer, open("group", peer)]));
    const host = { rank, stallTimeoutMs, clock: this.clock };
    this.#controlPlane = new ControlPlane({
      ...host,
      // Tests end before.
      slowTimeoutMs: Infinity,
      groups: () => [{ ranks, progress, connections }],
      say: (text) => options.said?.push(text),
      failed: () => {},
      release: () => this.group.close(),
    });
    this.group = new ProcessGroup({
      host: {
        ...host,
        failure: this.#controlPlane.failure,
        fail: (error) => this.#controlPlane.fail(error),
        ended: (peer, site) => this.#controlPlane.groupConnectionEnded(peer, site),
        stalled: (peer, site) => this.#controlPlane.stalled(peer, site),
      },
      ranks,
      id: 7n,
      connections,
      progress,
      recorder: this.recorder,
      algorithms: parseAlgorithms(Array.isArray(algorithms) ? algorithms[rank] : algorithms),
    });
    const link = (peer: number) =>
      new ControlLink(open("control", peer), this.#controlPlane.listenerFor(peer));
    this.#controlPlane.takeLinks(new Map(peers.map((peer) => [peer, link(peer)])));
    this.#controlPlane.startHeartbeat();
  }

  /** Closed, with nothing left open. */
  get isFree(): boolean {
    return this.#isFreed && this.#numOpen === 0;
  }

  stop(): void {
    this.isStopped = true;
  }

  readonly close = async (): Promise<void> => {
    await this.#controlPlane.leave();
    await this.#controlPlane.released();
    this.#isFreed = true;
  };

  /** Frees the engine, in any state of the rank. */
  async free(): Promise<void> {
    const closed = this.group.close();
    for (const connection of this.#connections) connection.close();
    await closed;
  }
}
