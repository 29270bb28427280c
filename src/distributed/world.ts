// One rank's membership in a job: its groups, its control links to all ranks, and the failure that they share.

import { type Acceptor, connectionKey } from "./wire/acceptor.ts";
import { systemClock } from "./wire/clock.ts";
import { Deadline } from "./wire/deadline.ts";
import { dial } from "./wire/dial.ts";
import { type Dump, makeDump, prepareDumps, writeDump } from "./records/dump.ts";
import { PeerLostError } from "./failures/failure.ts";
import { groupId } from "./wire/frame.ts";
import { type GroupHost, ProcessGroup } from "./group.ts";
import { importSecret, type JobKey } from "./wire/handshake.ts";
import { requireGroupRanks } from "./group_ranks.ts";
import { ControlPlane, type SharedGroup } from "./membership/control_plane.ts";
import { userSecret } from "./membership/user_secret.ts";
import { rendezvous } from "./membership/rendezvous.ts";
import { CallRecorder } from "./records/call_recorder.ts";
import { MpiJob, type MpiWorld } from "./wire/mpi/job.ts";
import { noProgress } from "./failures/stall.ts";
import type { Address, Connection } from "./wire/transport.ts";
import {
  type ResolvedOptions,
  withDefaults,
  type WorldOptions,
} from "./membership/world_options.ts";

/**
 * One rank's membership in a job, joined by `launch()` or `launchFromEnv()`. Dispose it to leave the job.
 *
 * @category Distributed
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { launch } from "@meshfactor/adafactor";
 *
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * assert.equal(world.group.size, 1);
 * // A group of some ranks; all of them must create it.
 * const group = await world.createGroup([0]);
 * await group.barrier();
 * ```
 */
export class World implements AsyncDisposable {
  /** This process's global rank. */
  readonly rank: number;
  /** Number of ranks. */
  readonly worldSize: number;
  /** This rank among those of its host. */
  readonly localRank: number;

  readonly #options: ResolvedOptions;
  readonly #controlPlane: ControlPlane;
  readonly #groups = new Map<string, GroupEntry>();
  readonly #ordinals = new Map<string, number>();
  #key: JobKey | undefined;
  #acceptor: Acceptor | undefined;
  #addresses: readonly Address[] = [];
  #group: ProcessGroup | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: ResolvedOptions) {
    this.#options = options;
    this.rank = options.rank;
    this.worldSize = options.worldSize;
    this.localRank = options.localRank;
    this.#controlPlane = new ControlPlane({
      rank: options.rank,
      stallTimeoutMs: options.stallTimeoutMs,
      slowTimeoutMs: options.slowTimeoutMs,
      clock: systemClock,
      groups: () => this.#groups.values(),
      say: (text) => console.error(text),
      failed: () => this.#writeDump(),
      release: () => this.#release(),
    });
  }

  /**
   * Joins a job and connects the group of all ranks.
   *
   * @throws {RangeError | TypeError} if an option is out of range.
   * @throws {Error} if the port is in use, the secret differs, the rank is refused, or not all ranks join in time.
   */
  static async join(options: WorldOptions): Promise<World> {
    const resolved = withDefaults(options);
    if (resolved.dumpFolder !== undefined) prepareDumps(resolved.dumpFolder, resolved.rank);
    const world = new World(resolved);
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
    return this.#controlPlane.failure.aborted;
  }

  /**
   * Connects the group of these global ranks, in this order. All of them must call it, in the same order as other calls
   * for the same ranks; no other rank needs to.
   *
   * @throws {RangeError} if a rank is given twice, is out of range, or this rank is not among them.
   */
  async createGroup(ranks: readonly number[]): Promise<ProcessGroup> {
    requireGroupRanks(ranks, this);
    const name = ranks.join(",");
    const ordinal = this.#ordinals.get(name) ?? 0;
    this.#ordinals.set(name, ordinal + 1);
    const id = groupId(ranks, ordinal);
    const progress = noProgress(id.toString(16));
    this.#controlPlane.failure.throwIfAborted();
    const recorder = new CallRecorder();
    const entry: GroupEntry = { ranks: [...ranks], progress, recorder, connections: new Map() };
    this.#groups.set(progress.group, entry);
    const connections = await this.#connectPeers(ranks, progress.group);
    entry.connections = connections;
    try {
      this.#controlPlane.failure.throwIfAborted();
      entry.group = new ProcessGroup({
        host: this.#host(),
        ranks: [...ranks],
        id,
        connections,
        progress,
        algorithms: this.#options.algorithms,
        recorder,
        closed: () => {
          // The records of a failed world are kept for its dump.
          if (!this.#controlPlane.failure.aborted) this.#groups.delete(progress.group);
        },
      });
      return entry.group;
    } catch (error) {
      for (const connection of connections.values()) connection.close();
      throw error;
    }
  }

  /** The last calls of all groups of this rank, for src/cli/analyse.ts; also written when the world fails. */
  dump(): Dump {
    const { reason } = this.#controlPlane.failure;
    return makeDump(this, {
      error: reason instanceof PeerLostError ? reason : undefined,
      groups: [...this.#groups].map(([id, { ranks, recorder }]) => ({
        id,
        ranks,
        calls: recorder.records(),
        messages: recorder.messages.records(),
      })),
    });
  }

  /** Ends the job on every rank: all calls of all ranks reject with an error that names this rank and `cause`. */
  async abort(cause: Error): Promise<void> {
    await this.#controlPlane.fail(
      new PeerLostError(this.rank, `Rank ${this.rank} failed: ${cause.message}`, { cause }),
    );
    await this.#controlPlane.released();
  }

  /**
   * Leaves the job; pending and later calls of this rank reject. Over MPI it resolves when all ranks have left, as the launcher
   * ends the others otherwise. Idempotent.
   *
   * @throws {Error} if another rank has sent a message that this one has not received.
   */
  async close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#controlPlane.leave();
      await this.#controlPlane.released();
      if (this.#options.transport === "mpi" && !this.#hasFailed) await MpiJob.started.barrier();
      const { unreceived } = this.#controlPlane;
      if (unreceived !== undefined) throw new Error(unreceived);
    })();
    await this.#closing;
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #join(): Promise<void> {
    const { rank, worldSize, secret, integrity, timeoutMs, transport } = this.#options;
    if (worldSize > 1) {
      this.#key = await importSecret(secret ?? userSecret(), integrity);
      const { acceptor, addresses, links } = await rendezvous({
        ...this.#options,
        key: this.#key,
        failure: this.#controlPlane.failure,
        listenerFor: (peer) => this.#controlPlane.listenerFor(peer),
      });
      this.#acceptor = acceptor;
      this.#addresses = addresses;
      this.#controlPlane.takeLinks(links);
    }
    if (transport === "mpi") MpiJob.started.add(this.#mpiWorld());
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
    // From now on only collectives keep the process alive, so a program that forgets to close still exits.
    this.#acceptor?.unref();
    this.#controlPlane.startHeartbeat();
  }

  /** The higher rank of a pair dials the lower. */
  async #connectPeers(ranks: readonly number[], group: string): Promise<Map<number, Connection>> {
    using deadline = new Deadline(this.#options.timeoutMs, this.#controlPlane.failure);
    const connections = new Map<number, Connection>();
    const results = await Promise.allSettled(ranks.map(async (peer, position) => {
      if (peer === this.rank) return;
      connections.set(position, await this.#connectPeer(peer, group, deadline.signal));
    }));
    const late = ranks.filter((_, position) => results[position].status === "rejected");
    if (late.length === 0) return connections;
    for (const connection of connections.values()) connection.close();
    this.#controlPlane.failure.throwIfAborted();
    await this.#controlPlane.fail(
      new PeerLostError(
        late[0],
        `Rank ${late.join(", ")} did not connect to the group [${ranks.join(", ")}] within ` +
          `${this.#options.timeoutMs} ms, but every rank of a group must create it: ` +
          reasonOf(results[ranks.indexOf(late[0])]),
        { group: ranks },
      ),
    );
    throw this.#controlPlane.failure.reason;
  }

  async #connectPeer(peer: number, group: string, signal: AbortSignal): Promise<Connection> {
    const [acceptor, key] = [this.#acceptor, this.#key];
    if (acceptor === undefined || key === undefined) throw new Error("A world of one has no peers");
    if (peer > this.rank) {
      return await acceptor.take(connectionKey({ purpose: "group", group, rank: peer }), signal);
    }
    const { rank, worldSize } = this;
    const { tls, transport } = this.#options;
    const { address } = acceptor;
    const hello = { rank, to: peer, worldSize, transport, address, group } as const;
    const theirs = this.#addresses[peer];
    return await dial(transport === "mpi" ? { ...theirs, mpiRank: peer } : theirs, {
      key,
      tls,
      hello: () => ({ kind: "hello", purpose: "group", ...hello }),
      signal,
    });
  }

  #host(): GroupHost {
    return {
      rank: this.rank,
      failure: this.#controlPlane.failure,
      stallTimeoutMs: this.#options.stallTimeoutMs,
      clock: systemClock,
      fail: (error) => this.#controlPlane.fail(error),
      ended: (peer, site) => this.#controlPlane.groupConnectionEnded(peer, site),
      stalled: (peer, site) => this.#controlPlane.stalled(peer, site),
    };
  }

  get #hasFailed(): boolean {
    return this.#controlPlane.failure.reason instanceof PeerLostError;
  }

  #mpiWorld(): MpiWorld {
    const state = () => this.#hasFailed ? "failed" : this.ended ? "left" : "open";
    return {
      get state() {
        return state();
      },
      leave: () => this.close(),
      abandon: () => this.#controlPlane.endLinks(),
    };
  }

  async #release(): Promise<void> {
    await Promise.all([...this.#groups.values()].map(({ group }) => group?.close()));
    await this.#acceptor?.close();
  }

  #writeDump(): void {
    const { dumpFolder } = this.#options;
    if (dumpFolder === undefined) return;
    try {
      writeDump(this.dump(), dumpFolder);
    } catch (error) {
      // The failure itself is reported to the caller; a missing dump is only logged.
      console.error(`Rank ${this.rank} cannot write its dump to ${dumpFolder}: ${error}`);
    }
  }
}

/** A group and its records. */
interface GroupEntry extends SharedGroup {
  readonly recorder: CallRecorder;
  connections: ReadonlyMap<number, Connection>;
  group?: ProcessGroup;
}

function reasonOf(result: PromiseSettledResult<void>): string {
  if (result.status === "fulfilled") return "it did";
  return result.reason instanceof Error ? result.reason.message : String(result.reason);
}
