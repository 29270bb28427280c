// A stream of bytes to one rank of an MPI job and back, as a socket: what is below a connection (transport.ts).
//
//   write   ->  copied into free slots of 64 KiB, each of which is one message  ->  MPI_Isend
//   read    <-  MPI_Iprobe, then MPI_Irecv to where the bytes belong            <-  a message
//
// As in a socket, written bytes are on their way when the write resolves, whether the peer reads them or not: calls count on
// that, since a peer may read only after it could write, too. An empty message ends the stream. Messages of one sender with one
// tag arrive in order. A receive is posted only once its message has come, so closing a stream leaves nothing behind.

import { type Messages, Request } from "./job.ts";
import type { Pending } from "./progress.ts";
import type { Socket } from "../transport.ts";

/** A stream: at most one read and one write may be pending. */
export class MpiStream implements Socket {
  /** By which this end receives. */
  readonly tag: number;
  readonly localAddr = { transport: "mpi" } as const;
  readonly remoteAddr = { transport: "mpi" } as const;
  readonly #job: Messages;
  readonly #reader: Reader;
  readonly #writer: Writer;
  #isClosed = false;

  /** To and from `peer`, once `sendTag` is set. */
  constructor(job: Messages, peer: number, lengths: StreamLengths = LENGTHS) {
    this.#job = job;
    this.tag = job.takeTag();
    this.#reader = new Reader(job, { from: peer, tag: this.tag });
    this.#writer = new Writer(job, peer, lengths);
  }

  /** Sends with this tag from now on. */
  set sendTag(tag: number) {
    this.#writer.tag = tag;
  }

  /** Resolves with the number of bytes read, at least one, or null at the end of the stream. */
  read(target: Uint8Array): Promise<number | null> {
    return this.#reader.read(target);
  }

  /** Resolves with the number of bytes that are on their way. */
  write(bytes: Uint8Array): Promise<number> {
    return this.#writer.write(bytes);
  }

  /** Ends the stream to the peer. */
  async closeWrite(): Promise<void> {
    await this.#writer.end();
  }

  /** Pending reads and writes reject, and the peer's stream ends. */
  close(): void {
    if (this.#isClosed) throw new Deno.errors.BadResource(CLOSED);
    this.#isClosed = true;
    this.#reader.close();
    this.#writer.close();
    // Otherwise messages with this tag may still come.
    if (this.#reader.hasEnded) this.#job.freeTag(this.tag);
  }

  /** A pending read or write keeps the process alive in any case. */
  ref(): void {}

  unref(): void {}
}

/** How a stream is cut. */
export interface StreamLengths {
  /** Of the longest message. */
  readonly messageBytes: number;
  /** Messages that may be on their way at once. */
  readonly numMessages: number;
}

class Reader implements Pending {
  readonly isUrgent = true;
  readonly #job: Messages;
  readonly #place: { readonly from: number; readonly tag: number };
  readonly #request = new Request();
  /** Bytes of a message that was longer than the target of its read. */
  #rest: Uint8Array = EMPTY;
  #target: Uint8Array = EMPTY;
  /** Bytes in the target. */
  #done = 0;
  /** Where the message that is being received goes; undefined if there is none. */
  #receiving: "target" | "rest" | undefined;
  #awaited: PromiseWithResolvers<number | null> | undefined;
  #isClosed = false;
  hasEnded = false;

  constructor(job: Messages, place: { readonly from: number; readonly tag: number }) {
    this.#job = job;
    this.#place = place;
  }

  async read(target: Uint8Array): Promise<number | null> {
    if (this.#isClosed) throw new Deno.errors.BadResource(CLOSED);
    this.#target = target;
    this.#done = 0;
    const bytes = this.#advance();
    if (bytes !== undefined) return bytes;
    this.#awaited = Promise.withResolvers();
    this.#job.progress.add(this);
    return await this.#awaited.promise;
  }

  poll(): boolean {
    const wasReceiving = this.#receiving;
    try {
      const bytes = this.#advance();
      if (bytes === undefined) return this.#receiving !== wasReceiving;
      this.#awaited?.resolve(bytes);
    } catch (error) {
      this.#awaited?.reject(error);
    }
    this.#rests();
    return true;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#receiving !== undefined) this.#job.abandon(this.#request);
    this.#awaited?.reject(new Deno.errors.BadResource(CLOSED));
    this.#rests();
  }

  #rests(): void {
    this.#awaited = undefined;
    this.#job.progress.delete(this);
  }

  /** Receives messages as long as they fit; the result of the read once it has one. */
  #advance(): number | null | undefined {
    while (true) {
      if (this.#receiving !== undefined && !this.#received()) return undefined;
      if (this.#done === 0 && this.#rest.length > 0) return this.#takeRest();
      if (this.#done === this.#target.length || this.#rest.length > 0) return this.#done;
      if (this.hasEnded) return this.#done || null;
      const length = lostIfFails(() => this.#job.probe(this.#place.from, this.#place.tag));
      if (length < 0) return this.#done || undefined;
      const room = this.#target.length - this.#done;
      if (length > room && this.#done > 0) return this.#done;
      this.#receive(length, room);
    }
  }

  #receive(length: number, room: number): void {
    this.#receiving = length > room ? "rest" : "target";
    const into = length > room
      ? new Uint8Array(length)
      : this.#target.subarray(this.#done, this.#done + length);
    if (length > room) this.#rest = into;
    lostIfFails(() => this.#job.receive(into, { ...this.#place, request: this.#request }));
  }

  /** True if the message that is being received is there. */
  #received(): boolean {
    const { length } = this.#request.bytes;
    if (!lostIfFails(() => this.#job.hasEnded(this.#request))) return false;
    if (this.#receiving === "target") this.#done += length;
    this.#receiving = undefined;
    if (length === 0) this.hasEnded = true;
    return true;
  }

  #takeRest(): number {
    const bytes = Math.min(this.#target.length, this.#rest.length);
    this.#target.set(this.#rest.subarray(0, bytes));
    this.#rest = this.#rest.subarray(bytes);
    return bytes;
  }
}

class Writer implements Pending {
  isUrgent = true;
  /** By which the other end receives. */
  tag = 0;
  readonly #job: Messages;
  readonly #to: number;
  readonly #lengths: StreamLengths;
  readonly #slots: Slot[] = [];
  /** Slots that are being sent, in order. */
  readonly #sending: Slot[] = [];
  #awaited: PromiseWithResolvers<number> | undefined;
  #bytes: Uint8Array = EMPTY;
  #state: "open" | "ended" | "closed" = "open";

  constructor(job: Messages, to: number, lengths: StreamLengths) {
    this.#job = job;
    this.#to = to;
    this.#lengths = lengths;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#state !== "open") throw new Deno.errors.BadResource(CLOSED);
    this.#bytes = bytes;
    const sent = this.#send();
    if (sent > 0 || bytes.length === 0) return sent;
    this.#awaited = Promise.withResolvers();
    return await this.#awaited.promise;
  }

  /** Sends the end of the stream, once. */
  async end(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "ended";
    const request = new Request();
    await lostIfFails(() => this.#job.send(EMPTY, { to: this.#to, tag: this.tag, request }));
  }

  poll(): boolean {
    try {
      if (!this.#free()) return false;
      if (this.#awaited !== undefined) {
        this.#awaited.resolve(this.#send());
        this.#awaited = undefined;
      }
    } catch (error) {
      this.#awaited?.reject(error);
      this.#awaited = undefined;
      this.#job.progress.delete(this);
    }
    return true;
  }

  close(): void {
    this.end().catch(() => {});
    this.#state = "closed";
    this.#awaited?.reject(new Deno.errors.BadResource(CLOSED));
    this.#awaited = undefined;
    // What is being sent goes on as long as this process lives, but does not keep it alive: the peer may be lost.
    this.#job.progress.delete(this);
    this.isUrgent = false;
    if (this.#sending.length > 0) this.#job.progress.add(this);
  }

  /** Copies bytes into free slots and sends them; returns how many. */
  #send(): number {
    const { messageBytes, numMessages } = this.#lengths;
    let sent = 0;
    while (sent < this.#bytes.length) {
      if (this.#sending.length === numMessages && !this.#free()) break;
      const slot = this.#slots.pop() ?? new Slot();
      const length = Math.min(this.#bytes.length - sent, messageBytes);
      slot.fill(this.#bytes.subarray(sent, sent + length));
      const message = slot.bytes.subarray(0, length);
      lostIfFails(() =>
        this.#job.send(message, { to: this.#to, tag: this.tag, request: slot.request })
      );
      this.#sending.push(slot);
      sent += length;
    }
    // Short messages mostly have left already. If nothing was sent, though, the next free slot must be noticed by poll().
    if (sent > 0) this.#free();
    if (this.#sending.length > 0) this.#job.progress.add(this);
    return sent;
  }

  /** Frees the slots that have been sent; true if there were any. */
  #free(): boolean {
    let hasMoved = false;
    while (this.#sending.length > 0) {
      const [slot] = this.#sending;
      if (!lostIfFails(() => this.#job.hasEnded(slot.request))) break;
      this.#sending.shift();
      this.#slots.push(slot);
      hasMoved = true;
    }
    if (this.#sending.length === 0) this.#job.progress.delete(this);
    return hasMoved;
  }
}

/** The bytes of one message that is being sent. */
class Slot {
  readonly request = new Request();
  bytes: Uint8Array = EMPTY;

  fill(bytes: Uint8Array): void {
    if (this.bytes.length < bytes.length) {
      this.bytes = new Uint8Array(
        bytes.length <= SHORT_BYTES ? SHORT_BYTES : LENGTHS.messageBytes,
      );
    }
    this.bytes.set(bytes);
  }
}

/** An error of MPI means that the peer is lost; its control link says why. */
function lostIfFails<T>(body: () => T): T {
  try {
    return body();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Deno.errors.ConnectionReset(text, { cause });
  }
}

const CLOSED = "The stream is closed";
const EMPTY = new Uint8Array();
const LENGTHS: StreamLengths = { messageBytes: 64 << 10, numMessages: 8 };
const SHORT_BYTES = 4 << 10;
