// A connection in virtual time: seeded delays, pieces as small as one byte, and a small buffer between writer and reader. It
// may close or fall silent after any byte, or damage one.
//
//   write -> [ in transit, or arrived and not read ] -> read          at most `capacity` bytes in each direction
//
// A socket that is closed with unread bytes resets the connection, as TCP does: bytes that its peer has not read yet may be
// lost (depending on the seed). Reads and writes resolve after the bytes have moved, sometimes much later.

import { Connection, type Socket } from "../../../src/distributed/wire/transport.ts";
import type { VirtualClock } from "./virtual_clock.ts";

/** How bytes travel. */
export interface Travel {
  readonly clock: VirtualClock;
  /** Integers from 0 to limit - 1. */
  readonly random: (limit: number) => number;
  /** Most bytes that move at a time. */
  readonly longest: number;
  /** Most bytes between a writer and a reader. */
  readonly capacity: number;
  /** Milliseconds from one end to the other, the same for every byte; by default drawn, per direction and piece. */
  readonly latencyMs?: number;
}

/** One direction of a connection, as faults see it. */
export interface Link {
  /** Bytes that its writer has written. */
  readonly written: number;
  /** Bytes are accepted, but none arrives. */
  isSilent: boolean;
  /** Its writer does not run. */
  isWriterStopped: boolean;
  /** Its reader does not run. */
  isReaderStopped: boolean;
  /** Milliseconds between bytes. Default: they travel together. */
  dribbleMs: number | undefined;
  /** The other direction. */
  readonly back: Link;
  /** Calls `then` when `at` bytes have been written. */
  when(at: number, then: () => void): void;
  /** Flips the bits `mask` of a byte in transit. */
  damage(at: number, mask: number): void;
  /** Ends both directions. */
  cut(): void;
}

interface Pending<T> {
  readonly bytes: Uint8Array;
  readonly resolve: (result: T) => void;
  readonly reject: (error: Error) => void;
}

/** One direction of a connection. */
export class Wire implements Link {
  readonly #travel: Travel;
  readonly #latencyMs: number;
  #writing: Pending<number> | undefined;
  #reading: Pending<number | null> | undefined;
  #arrived: Uint8Array[] = [];
  /** Bytes in transit and arrived. */
  #held = 0;
  #lastArrival = 0;
  #isAccepting = false;
  /** Accepts no more bytes. */
  #isEnded = false;
  #hasEndArrived = false;
  #isReset = false;
  #isReaderClosed = false;
  #isWriterClosed = false;
  /** Callbacks by the number of bytes written, the lowest first. */
  #watches: { readonly at: number; readonly then: () => void }[] = [];
  #damageAt = -1;
  #damageMask = 0;
  /** Bytes that its writer has written. */
  written = 0;
  /** Bytes are accepted, but none arrives. */
  isSilent = false;
  /** Its writer does not run. */
  isWriterStopped = false;
  /** Its reader does not run. */
  isReaderStopped = false;
  /** Milliseconds between bytes. Default: they travel together. */
  dribbleMs: number | undefined;
  /** The other direction. */
  back: Wire = this;

  constructor(travel: Travel) {
    this.#travel = travel;
    this.#latencyMs = travel.latencyMs ?? (1 + travel.random(50)) / 10;
  }

  /** Calls `then` when `at` bytes have been written. */
  when(at: number, then: () => void): void {
    this.#watches = [...this.#watches, { at, then }].sort((a, b) => a.at - b.at);
    this.#notice();
  }

  /** Flips the bits `mask` of a byte in transit. */
  damage(at: number, mask: number): void {
    this.#damageAt = at;
    this.#damageMask = mask;
  }

  /** Closes both directions: each reader gets the end after the bytes in transit. */
  cut(): void {
    this.end();
    this.back.end();
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#isWriterClosed) return reject(new Deno.errors.BadResource("closed here before"));
      this.#writing = { bytes, resolve, reject };
      this.#accept();
    });
  }

  read(bytes: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      if (this.#isReaderClosed) return reject(new Deno.errors.BadResource("closed here before"));
      this.#reading = { bytes, resolve, reject };
      this.#deliver();
    });
  }

  /** Accepts no more bytes; the reader gets the end after those in transit. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#arrive(() => (this.#hasEndArrived = true));
    this.#accept();
  }

  /** Its writer's socket is closed. */
  closeWriter(): void {
    this.#isWriterClosed = true;
    this.end();
    this.#writing?.reject(new Deno.errors.Interrupted("closed here"));
    this.#writing = undefined;
  }

  /** Its reader's socket is closed. */
  closeReader(): void {
    if (this.#isReaderClosed) return;
    this.#isReaderClosed = true;
    this.#reading?.reject(new Deno.errors.Interrupted("closed here"));
    this.#reading = undefined;
    if (this.#held > 0) this.back.#reset();
  }

  /** The connection was reset by the writer's end: unread bytes may be lost. */
  #reset(): void {
    if (this.#isReset) return;
    const isLost = this.#travel.random(2) === 0;
    this.#isEnded = true;
    this.#arrive(() => {
      this.#isReset = true;
      this.back.#isEnded = true;
      this.back.#accept();
      if (isLost) this.#arrived = [];
    });
  }

  /** Accepts a piece from the writer, after a delay. */
  #accept(): void {
    if (this.#isAccepting || this.#writing === undefined) return;
    this.#isAccepting = true;
    const { clock, random, latencyMs } = this.#travel;
    clock.once(latencyMs === undefined ? random(20) / 100 : 0, () => {
      this.#isAccepting = false;
      this.#takePiece();
    });
  }

  #takePiece(): void {
    const writing = this.#writing;
    if (writing === undefined || this.isWriterStopped) return;
    if (this.#isEnded) {
      this.#writing = undefined;
      return writing.reject(new Deno.errors.BrokenPipe("the connection is closed"));
    }
    const { random, longest, capacity } = this.#travel;
    const room = Math.min(
      1 + random(longest),
      writing.bytes.length,
      capacity - this.#held,
      (this.#watches[0]?.at ?? Infinity) - this.written,
      this.dribbleMs === undefined ? Infinity : 1,
    );
    if (room === 0) return;
    const piece = writing.bytes.slice(0, room);
    const damaged = this.#damageAt - this.written;
    if (damaged >= 0 && damaged < room) piece[damaged] ^= this.#damageMask;
    this.#held += room;
    this.written += room;
    if (!this.isSilent) this.#arrive(() => this.#arrived.push(piece), room);
    this.#writing = undefined;
    this.#resolveLater(() => writing.resolve(room));
    this.#notice();
  }

  /**
   * Resolves a write or read after a delay: a write perhaps after its peer has answered, a read perhaps after bytes that its
   * reader has sent meanwhile have arrived.
   */
  #resolveLater(what: () => void): void {
    const { clock, random, latencyMs } = this.#travel;
    if (latencyMs !== undefined) return what();
    clock.once(random(4) === 0 ? random(200) / 10 : 0, what);
  }

  /** Delivers to the reader after everything that was in transit before. */
  #arrive(what: () => void, bytes = 0): void {
    if (this.isSilent) return;
    const { clock, random, latencyMs } = this.#travel;
    const jitter = latencyMs === undefined ? this.#latencyMs * random(10) / 10 : 0;
    const earliest = clock.now() + this.#latencyMs + jitter;
    this.#lastArrival = Math.max(earliest, this.#lastArrival) +
      (bytes > 0 ? this.dribbleMs ?? 0 : 0);
    clock.at(this.#lastArrival, () => {
      if (this.isSilent) return;
      what();
      this.#deliver();
      if (bytes > 0 && this.#isReaderClosed) this.back.#reset();
    });
  }

  #deliver(): void {
    const reading = this.#reading;
    if (reading === undefined || this.isReaderStopped) return;
    const [first] = this.#arrived;
    if (first === undefined) {
      if (!this.#isReset && !this.#hasEndArrived) return;
      this.#reading = undefined;
      if (this.#isReset) return reading.reject(new Deno.errors.ConnectionReset("reset by peer"));
      return reading.resolve(null);
    }
    const limit = 1 + this.#travel.random(this.#travel.longest);
    const length = Math.min(limit, first.length, reading.bytes.length);
    reading.bytes.set(first.subarray(0, length));
    if (length === first.length) this.#arrived.shift();
    else this.#arrived[0] = first.subarray(length);
    this.#held -= length;
    this.#reading = undefined;
    this.#resolveLater(() => reading.resolve(length));
    this.#accept();
  }

  #notice(): void {
    while (this.written >= (this.#watches[0]?.at ?? Infinity)) this.#watches.shift()?.then();
  }
}

/** A connection of two wires. */
export function wires(travel: Travel): readonly [there: Wire, back: Wire] {
  const [there, back] = [new Wire(travel), new Wire(travel)];
  there.back = back;
  back.back = there;
  return [there, back];
}

/** One end of a connection; `closed` is called when it is closed. */
export function endOf(
  [out, into]: readonly [Wire, Wire],
  { closed, transport }: { readonly closed: () => void; readonly transport: "tcp" | "unix" },
): Connection {
  const address = transport === "tcp"
    ? { transport, hostname: "", port: 0 } as const
    : { transport, path: "" } as const;
  const socket: Socket = {
    read: (bytes) => into.read(bytes),
    write: (bytes) => out.write(bytes),
    close() {
      closed();
      out.closeWriter();
      into.closeReader();
    },
    closeWrite: () => {
      out.end();
      return Promise.resolve();
    },
    ref() {},
    unref() {},
    localAddr: address,
    remoteAddr: address,
  };
  return new Connection(socket);
}
