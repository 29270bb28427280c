// n ranks of one group in one place, joined by simulated sockets: bytes move when the simulation says so, in a seeded
// order, as few as one at a time, through buffers of a few bytes; a wire can be cut after any byte, or damaged.
//
// Everything but the sockets and the world is what ships: group, runner, engine in WebAssembly. When nothing can move and
// yet a call is pending, ranks wait for each other for ever: that is reported, so no test can hang.

import type { AlgorithmOptions } from "../../src/dist/algorithm_table.ts";
import { parseAlgorithms } from "../../src/dist/algorithm_table.ts";
import { systemClock } from "../../src/dist/clock.ts";
import { PeerLostError } from "../../src/dist/failure.ts";
import { ProcessGroup } from "../../src/dist/group.ts";
import { CallRecorder } from "../../src/dist/recorder.ts";
import { noProgress } from "../../src/dist/stall.ts";
import { Connection, type Socket } from "../../src/dist/transport.ts";
import { randomBelow } from "./random_below.ts";

/** What happens on the way. */
export interface SimulationOptions {
  readonly size: number;
  readonly seed: number;
  /** Per rank, or for all. */
  readonly algorithms?: AlgorithmOptions | readonly AlgorithmOptions[];
  /** Most bytes that move at a time; by default 9. */
  readonly longest?: number;
  /** The connection between two ranks is closed when so many bytes have gone from one to the other. */
  readonly cut?: { readonly from: number; readonly to: number; readonly after: number };
  /** This byte is changed on its way. */
  readonly damage?: { readonly from: number; readonly to: number; readonly at: number };
}

/** How each rank's body ended, and how many bytes went from each rank to each. */
export interface SimulationResult<T> {
  readonly outcomes: readonly PromiseSettledResult<T>[];
  readonly bytes: readonly (readonly number[])[];
}

/** Runs `body` on every rank. @throws {Error} if ranks wait for each other for ever. */
export async function simulateGroup<T>(
  options: SimulationOptions,
  body: (group: ProcessGroup) => Promise<T>,
): Promise<SimulationResult<T>> {
  const { size, seed, longest = 9 } = options;
  const random = randomBelow(seed);
  const wires = Array.from(
    { length: size },
    (_, from) => Array.from({ length: size }, (_, to) => new Wire(options, { from, to })),
  );
  const failure = new AbortController();
  const groups: ProcessGroup[] = [];
  for (let rank = 0; rank < size; rank++) {
    const fail = (error: PeerLostError) => {
      if (!failure.signal.aborted) failure.abort(error);
      for (const group of groups) void group.close();
      return Promise.resolve();
    };
    groups.push(
      new ProcessGroup({
        host: {
          rank,
          failure: failure.signal,
          stallTimeoutMs: 3600_000,
          clock: systemClock,
          fail,
          ended: (peer) => fail(new PeerLostError(peer, `Rank ${peer} is lost`)),
          stalled: () => Promise.resolve(),
        },
        ranks: Array.from({ length: size }, (_, each) => each),
        id: 7n,
        connections: new Map(
          Array.from({ length: size }, (_, peer) => peer).filter((peer) => peer !== rank)
            .map((peer) => [peer, connect(wires[rank][peer], wires[peer][rank])]),
        ),
        progress: noProgress("7"),
        recorder: new CallRecorder(),
        algorithms: parseAlgorithms(
          Array.isArray(options.algorithms) ? options.algorithms[rank] : options.algorithms,
        ),
      }),
    );
  }
  let pending = size;
  const running = Promise.allSettled(groups.map(async (group) => {
    try {
      return await body(group);
    } finally {
      pending--;
    }
  }));
  const all = wires.flat();
  while (pending > 0) {
    for (let turn = 0; turn < 4; turn++) await undefined;
    if (move(all, random, longest)) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (pending > 0 && !move(all, random, longest)) {
      for (const group of groups) void group.close();
      throw new Error(`Ranks wait for each other for ever (seed ${seed})`);
    }
  }
  const outcomes = await running;
  await Promise.all(groups.map((group) => group.close()));
  return { outcomes, bytes: wires.map((row) => row.map((wire) => wire.written)) };
}

/** Serves one of the reads and writes that can go on; false if there is none. */
function move(
  wires: readonly Wire[],
  random: (limit: number) => number,
  longest: number,
): boolean {
  const first = random(wires.length);
  for (let index = 0; index < wires.length; index++) {
    const wire = wires[(first + index) % wires.length];
    const limit = 1 + random(longest);
    const [one, other] = random(2) === 0 ? ["write", "read"] as const : ["read", "write"] as const;
    if (wire[one](limit) || wire[other](limit)) return true;
  }
  return false;
}

/** One direction of a connection. */
class Wire {
  writing: Pending<number> | undefined;
  reading: Pending<number | null> | undefined;
  written = 0;
  isClosed = false;
  back: Wire | undefined;
  readonly #buffer: number[] = [];
  readonly #cutAfter: number;
  readonly #damageAt: number;

  constructor(
    { cut, damage }: SimulationOptions,
    { from, to }: { readonly from: number; readonly to: number },
  ) {
    this.#cutAfter = cut?.from === from && cut.to === to ? cut.after : Infinity;
    this.#damageAt = damage?.from === from && damage.to === to ? damage.at : -1;
  }

  /** Takes up to `limit` bytes from the writer; false if nobody writes or there is no room. */
  write(limit: number): boolean {
    if (this.#cutAfter <= this.written && !this.isClosed) {
      this.close();
      this.back?.close();
      return true;
    }
    if (this.writing === undefined) return false;
    if (this.isClosed) {
      this.writing.reject(new Deno.errors.BrokenPipe("cut"));
      this.writing = undefined;
      return true;
    }
    const { bytes, resolve } = this.writing;
    const room = Math.min(
      limit,
      bytes.length,
      CAPACITY - this.#buffer.length,
      this.#cutAfter - this.written,
    );
    if (room === 0) return false;
    for (const byte of bytes.subarray(0, room)) {
      this.#buffer.push(this.written++ === this.#damageAt ? byte ^ 0x55 : byte);
    }
    this.writing = undefined;
    resolve(room);
    return true;
  }

  /** Gives up to `limit` bytes to the reader; false if nobody reads or there are none. */
  read(limit: number): boolean {
    if (this.reading === undefined || (this.#buffer.length === 0 && !this.isClosed)) return false;
    const { bytes, resolve } = this.reading;
    const arrived = this.#buffer.splice(0, Math.min(limit, bytes.length));
    bytes.set(arrived);
    this.reading = undefined;
    resolve(arrived.length === 0 ? null : arrived.length);
    return true;
  }

  close(): void {
    this.isClosed = true;
  }
}

interface Pending<T> {
  readonly bytes: Uint8Array;
  readonly resolve: (result: T) => void;
  readonly reject: (error: Error) => void;
}

/** This rank's end of a connection. */
function connect(out: Wire, into: Wire): Connection {
  out.back = into;
  into.back = out;
  const socket: Socket = {
    read: (bytes) => new Promise((resolve, reject) => (into.reading = { bytes, resolve, reject })),
    write: (bytes) => new Promise((resolve, reject) => (out.writing = { bytes, resolve, reject })),
    close() {
      out.close();
      into.close();
      into.reading?.reject(new Deno.errors.Interrupted("closed here"));
      out.writing?.reject(new Deno.errors.Interrupted("closed here"));
      into.reading = undefined;
      out.writing = undefined;
    },
    closeWrite: () => Promise.resolve(),
    ref() {},
    unref() {},
    localAddr: { transport: "tcp", hostname: "", port: 0 },
    remoteAddr: { transport: "tcp", hostname: "", port: 0 },
  };
  return new Connection(socket);
}

/** Bytes that lie between a writer and a reader at most. */
const CAPACITY = 40;
