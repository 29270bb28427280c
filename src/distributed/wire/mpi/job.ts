// This process as one of an MPI job: its rank there, messages between two ranks, and an end that its launcher understands.
//
// MPI is a thing of the process: it starts once and ends at the process's exit, by MPI_Finalize, which waits for all ranks. Who
// exits without it makes Open MPI fail the job, and MPICH end the others and report 0. And mpirun itself may hang if a rank fails
// while another is in MPI_Finalize (Open MPI 4.1.4). Hence a process at its exit
//
//   has left its worlds, all ranks together   MPI_Finalize
//   has a world that failed, code not 0       just exits: the launcher ends the others because of the code
//   has a world that failed, code 0           MPI_Abort
//   has a world that it did not leave         leaves it first, if it just comes to its end; after Deno.exit(), MPI_Abort

import { loadMpi, type MpiLibrary } from "./library.ts";
import { Progress } from "./progress.ts";
import { TimeLimit } from "./time_limit.ts";

/** A request that has been started. */
export class Request {
  readonly handle = new Int32Array(2);
  /** The bytes that it reads or writes, which must not be freed before it has ended. */
  bytes: Uint8Array = EMPTY;
}

/** What this process does with MPI. */
export class MpiJob {
  readonly rank: number;
  readonly size: number;
  /** Polls what is pending. */
  readonly progress = new Progress();
  readonly #library: MpiLibrary;
  readonly #flag = new Int32Array(1);
  readonly #count = new Int32Array(1);
  readonly #status = new Uint8Array(STATUS_BYTES);
  readonly #worlds = new Set<MpiWorld>();
  #nextTag = FIRST_TAG;
  readonly #tags = new Set<number>();
  #near: ReadonlySet<number> = new Set();

  private constructor(library: MpiLibrary, timeoutMs: number) {
    this.#library = library;
    const { calls, world } = library;
    this.#check(calls.MPI_Initialized(this.#flag));
    if (this.#flag[0] === 0) {
      using _limit = new TimeLimit(timeoutMs, `MPI_Init of ${library.path}: ${NOT_ALL}`);
      this.#check(calls.MPI_Init(0, 0));
    }
    this.#check(calls.MPI_Comm_set_errhandler(world, library.errorsReturn));
    const [rank, size] = [new Int32Array(1), new Int32Array(1)];
    this.#check(calls.MPI_Comm_rank(world, rank));
    this.#check(calls.MPI_Comm_size(world, size));
    this.rank = rank[0];
    this.size = size[0];
    globalThis.addEventListener("beforeunload", () => {
      for (const each of this.#worlds) if (each.state === "open") void each.leave();
    });
    globalThis.addEventListener("unload", () => this.#exit());
  }

  /**
   * The job of this process, started at the first call. That waits for the other processes of the job, and ends this one if
   * they do not start MPI in time: until then it can do nothing else.
   *
   * @throws as `loadMpi`.
   */
  static start(paths: readonly string[], timeoutMs: number): MpiJob {
    return started ??= new MpiJob(loadMpi(paths), timeoutMs);
  }

  /** The job that has been started. */
  static get started(): MpiJob {
    if (started === undefined) throw new Error("MPI has not been started");
    return started;
  }

  /** The library's file and its first line about itself. */
  get description(): string {
    const text = new Uint8Array(MAX_TEXT_BYTES);
    this.#check(this.#library.calls.MPI_Get_library_version(text, this.#count));
    const [line] = new TextDecoder().decode(text.subarray(0, this.#count[0])).split("\n");
    return `${line.replaceAll("\0", "").trim()} (${this.#library.path})`;
  }

  /** A world that uses MPI. */
  add(world: MpiWorld): void {
    this.#worlds.add(world);
  }

  /** True if a world has failed: then not all ranks answer any more. */
  get hasFailed(): boolean {
    return [...this.#worlds].some(({ state }) => state === "failed");
  }

  /** Sets the ranks of this machine. */
  set near(ranks: ReadonlySet<number>) {
    this.#near = ranks;
  }

  /** True for a rank of this machine. */
  isNear(rank: number): boolean {
    return this.#near.has(rank);
  }

  /** A number that no other stream to this process has. */
  takeTag(): number {
    if (this.#tags.size > LAST_TAG - FIRST_TAG) throw new Error("MPI has no tag left for a stream");
    do {
      this.#nextTag = this.#nextTag === LAST_TAG ? FIRST_TAG : this.#nextTag + 1;
    } while (this.#tags.has(this.#nextTag));
    this.#tags.add(this.#nextTag);
    return this.#nextTag;
  }

  /** Frees a number of `takeTag`. */
  freeTag(tag: number): void {
    this.#tags.delete(tag);
  }

  /** Begins to send `bytes`, which must not change before the request has ended. */
  send(bytes: Uint8Array, { to, tag, request }: SendOptions): void {
    const { calls, byte, world } = this.#library;
    request.bytes = bytes;
    const target = bytes.length === 0 ? ONE_BYTE : bytes;
    this.#check(calls.MPI_Isend(target, bytes.length, byte, to, tag, world, request.handle));
  }

  /** Begins to receive the next message, which has been found by `probe`. */
  receive(target: Uint8Array, { from, tag, request }: ReceiveOptions): void {
    const { calls, byte, world } = this.#library;
    request.bytes = target;
    const place = target.length === 0 ? ONE_BYTE : target;
    this.#check(calls.MPI_Irecv(place, target.length, byte, from, tag, world, request.handle));
  }

  /** Length of the next message with this tag from `from`; -1 if there is none yet. */
  probe(from: number, tag: number): number {
    const { calls, byte, world } = this.#library;
    this.#check(calls.MPI_Iprobe(from, tag, world, this.#flag, this.#status));
    if (this.#flag[0] === 0) return -1;
    this.#check(calls.MPI_Get_count(this.#status, byte, this.#count));
    return this.#count[0];
  }

  /** True if a request has ended. */
  hasEnded(request: Request): boolean {
    const { calls, statusIgnore } = this.#library;
    this.#check(calls.MPI_Test(request.handle, this.#flag, statusIgnore));
    if (this.#flag[0] === 0) return false;
    request.bytes = EMPTY;
    return true;
  }

  /** Any rank, for `probe` and `receive`. */
  get anyRank(): number {
    return this.#library.anySource;
  }

  /** All ranks' bytes, of equal length. @throws the reason of `signal`, if it fires before. */
  async allGather(own: Uint8Array, signal: AbortSignal): Promise<Uint8Array[]> {
    const { calls, byte, world } = this.#library;
    const all = new Uint8Array(own.length * this.size);
    const request = new Request();
    const n = own.length;
    this.#check(calls.MPI_Iallgather(own, n, byte, all, n, byte, world, request.handle));
    // If nobody waits for it any more, MPI may still write there.
    signal.addEventListener("abort", () => abandoned.push(own, all), { once: true });
    await this.#ended(request, signal);
    return Array.from({ length: this.size }, (_, r) => all.slice(r * n, (r + 1) * n));
  }

  /** Waits until all ranks have called it. */
  async barrier(): Promise<void> {
    const request = new Request();
    this.#check(this.#library.calls.MPI_Ibarrier(this.#library.world, request.handle));
    await this.#ended(request);
  }

  /** Resolves when a request has ended. @throws the reason of `signal`, if it fires before. */
  async #ended(request: Request, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const operation = {
      isUrgent: true,
      poll: () => {
        try {
          if (!this.hasEnded(request)) return false;
          resolve();
        } catch (error) {
          reject(error);
        }
        return true;
      },
    };
    const giveUp = () => {
      this.abandon(request);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", giveUp);
    this.progress.add(operation);
    try {
      await promise;
    } finally {
      this.progress.delete(operation);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /** Keeps the bytes of a request that nobody waits for any more. */
  abandon(request: Request): void {
    abandoned.push(request);
  }

  #exit(): void {
    const { calls, world } = this.#library;
    const open = [...this.#worlds].filter(({ state }) => state === "open");
    for (const each of open) each.abandon();
    if (open.length > 0) {
      console.error(
        `Rank ${this.rank} exits without leaving its world, which ends the MPI job: close the world first`,
      );
      // Time for the others to report it.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, REPORT_MS);
    } else if (!this.hasFailed) return void calls.MPI_Finalize();
    if (Deno.exitCode === 0) calls.MPI_Abort(world, 1);
  }

  #check(code: number): void {
    if (code === 0) return;
    const text = new Uint8Array(MAX_TEXT_BYTES);
    const length = new Int32Array(1);
    this.#library.calls.MPI_Error_string(code, text, length);
    throw new Error(`MPI: ${new TextDecoder().decode(text.subarray(0, length[0]))}`);
  }
}

/** The messages of a job, and their polling: what streams need of it. */
export type Messages =
  & Pick<MpiJob, "takeTag" | "freeTag" | "send" | "receive" | "probe" | "hasEnded" | "abandon">
  & { readonly progress: Pick<Progress, "add" | "delete"> };

/** A world, as its job sees it. */
export interface MpiWorld {
  readonly state: "open" | "failed" | "left";
  /** Leaves it, with all other ranks. */
  leave(): Promise<void>;
  /** Ends it at once, so that the other ranks lose this one. */
  abandon(): void;
}

/** Options of `MpiJob.send`. */
export interface SendOptions {
  readonly to: number;
  readonly tag: number;
  readonly request: Request;
}

/** Options of `MpiJob.receive`. */
export interface ReceiveOptions {
  readonly from: number;
  readonly tag: number;
  readonly request: Request;
}

let started: MpiJob | undefined;
/** Requests that MPI may still write for. */
const abandoned: unknown[] = [];
const NOT_ALL =
  "not all processes of the job have started MPI; set MESHFACTOR_TRANSPORT=mpi for all of them";
const EMPTY = new Uint8Array();
const ONE_BYTE = new Uint8Array(new ArrayBuffer(64));
const REPORT_MS = 300;
/** No implementation's status is longer. */
const STATUS_BYTES = 64;
const MAX_TEXT_BYTES = 8192;
/** Tag 0 is that of requests for streams. MPI guarantees 32767. */
const FIRST_TAG = 1;
const LAST_TAG = 32_767;
