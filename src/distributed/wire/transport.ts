// One connection between two ranks: bytes in order, one writer, small reads from a buffer, large ones without a copy.
//
// Deno's sockets (measured): a write may be partial, two concurrent writes interleave, Nagle's algorithm is on by default,
// and a read into a detached view returns 0 for ever. Hence writeAll, setNoDelay and the check for 0.
//
// A socket that is closed with unread bytes resets the connection, and then bytes that it sent before may be lost
// (RFC 1122, 4.2.2.13). finish() therefore reads on until the peer has ended its stream too.
//
// A small frame costs one read: it is read ahead into a buffer, with the bytes after it. Collectives use beginRead and
// beginWrite, which create no promise of their own, and take buffered bytes without waiting.

import type { Session } from "./session.ts";

/** Shorter reads, such as of a short frame with its header, go through the buffer. */
const BUFFER_BYTES = 33 << 10;
/** Discarded bytes that are kept: enough for a header. */
const KEPT_BYTES = 256;

/** Callbacks for the end of a read or write. */
export interface TransferListener {
  /** `bytes`, at least one, were read to the target or written. */
  moved(bytes: number): void;
  /** It failed; with a ConnectionClosedError if the stream has ended. */
  failed(error: unknown): void;
}

/** The peer has closed the connection, or it was closed here. */
export class ConnectionClosedError extends Error {
  override readonly name = "ConnectionClosedError";
}

/** The address of a rank. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
  /** Its abstract Unix socket, for ranks of the same host; undefined if it has none. */
  readonly path?: string;
  /** Its rank in the MPI job, to connect over MPI instead. Never sent to others. */
  readonly mpiRank?: number;
}

/** What protects the bytes of a socket, beside what transport.ts knows of its kind: `local`: they stay in one machine. */
export type Protection = "none" | "encrypted" | "local";

/** The socket below a connection, such as a Deno.TcpConn. */
export interface Socket
  extends Pick<Deno.Conn, "read" | "write" | "close" | "closeWrite" | "ref" | "unref"> {
  readonly localAddr: Deno.Addr | MpiAddr;
  readonly remoteAddr: Deno.Addr | MpiAddr;
}

/** The end of a stream over MPI. */
export interface MpiAddr {
  readonly transport: "mpi";
}

/** A connection to one peer. At most one read and one write may be pending at a time. */
export class Connection implements Disposable {
  readonly #conn: Socket;
  readonly #protection: Protection;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #begin = 0;
  #end = 0;
  #closed = false;
  #bytesSent = 0;
  #bytesReceived = 0;
  #reader: TransferListener | undefined;
  #writer: TransferListener | undefined;
  /** The target of a pending read that goes through the buffer; undefined if it is read to directly. */
  #target: Uint8Array | undefined;

  /** A connection over `conn`. */
  constructor(conn: Socket, protection: Protection = "none") {
    this.#conn = conn;
    this.#protection = protection;
  }

  /** The keys for the keyed sums of what it carries, once both ends have derived them; undefined if none are used. */
  session: Session | undefined;

  /**
   * True if bytes may be damaged in transit without an error: over plain TCP, whose own checksum has 16 bits, and over MPI to
   * other hosts. A Unix socket is memory of one machine, and encrypted bytes are authenticated too.
   */
  get isUnprotected(): boolean {
    return this.#protection === "none" && this.transport !== "unix";
  }

  /** `unix` between ranks of one host, else `tcp`, or `mpi`. */
  get transport(): string {
    return this.#conn.remoteAddr.transport;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Bytes returned by reads so far; buffered bytes do not count yet. */
  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Address of this end; empty for a Unix socket. */
  get localHostname(): string {
    return hostnameOf(this.#conn.localAddr);
  }

  /** Address of the other end; empty for a Unix socket. */
  get remoteHostname(): string {
    return hostnameOf(this.#conn.remoteAddr);
  }

  /** Both ends, for errors: `10.0.0.2:50000 - 10.0.0.1:29500`. */
  get ends(): string {
    return `${endOf(this.#conn.localAddr)} - ${endOf(this.#conn.remoteAddr)}`;
  }

  /**
   * Reads at least one byte into `target` and returns how many; `target` must not be empty.
   *
   * @throws {ConnectionClosedError} at the end of the stream.
   */
  async read(target: Uint8Array): Promise<number> {
    if (this.#begin === this.#end && target.length >= BUFFER_BYTES) {
      return this.#count(await this.#receive(target));
    }
    if (this.#begin === this.#end) this.#filled(await this.#receive(this.#buffer));
    return this.take(target);
  }

  /** Copies bytes that have been read ahead to `target` and returns how many; 0 if there are none. */
  take(target: Uint8Array): number {
    const bytes = Math.min(target.length, this.#end - this.#begin);
    if (bytes === 0) return 0;
    target.set(this.#buffer.subarray(this.#begin, this.#begin + bytes));
    this.#begin += bytes;
    return this.#count(bytes);
  }

  /** As `read`, with callbacks; `take` must have returned 0 just before. */
  beginRead(target: Uint8Array, reader: TransferListener): void {
    this.#reader = reader;
    this.#target = target.length >= BUFFER_BYTES ? undefined : target;
    this.#conn.read(this.#target === undefined ? target : this.#buffer)
      .then(this.#readEnded, this.#readFailed);
  }

  /** As `write`, with callbacks. */
  beginWrite(bytes: Uint8Array, writer: TransferListener): void {
    this.#writer = writer;
    this.#conn.write(bytes).then(this.#writeEnded, this.#writeFailed);
  }

  /**
   * Fills `target`.
   *
   * @throws {ConnectionClosedError} if the stream ends before that.
   */
  async readFully(target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length;) done += await this.read(target.subarray(done));
  }

  /**
   * Writes `bytes` or a first part of them and returns how many.
   *
   * @throws {ConnectionClosedError} if the connection is closed.
   */
  async write(bytes: Uint8Array): Promise<number> {
    try {
      const written = await this.#conn.write(bytes);
      this.#bytesSent += written;
      return written;
    } catch (cause) {
      throw closedError(cause);
    }
  }

  /** Writes all of `bytes`. */
  async writeAll(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) done += await this.write(bytes.subarray(done));
  }

  /** Lets the process end although this connection is open. */
  unref(): void {
    this.#conn.unref();
  }

  /** Ends the stream to the peer; does not throw if the peer is gone. */
  async endWrites(): Promise<void> {
    await this.#conn.closeWrite().catch(() => {});
  }

  /**
   * Ends the stream to the peer, then reads and discards bytes until the peer's stream ends or this is closed. Returns the
   * first of them.
   */
  async finish(): Promise<Uint8Array> {
    await this.endWrites();
    const kept = new Uint8Array(KEPT_BYTES);
    let length = this.take(kept);
    try {
      while (true) {
        const bytes = await this.#receive(this.#buffer);
        const first = this.#buffer.subarray(0, Math.min(bytes, KEPT_BYTES - length));
        kept.set(first, length);
        length += first.length;
      }
    } catch {
      // The expected end of the stream.
    }
    return kept.subarray(0, length);
  }

  /** Closes the connection; pending reads and writes reject. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A pending read that did not keep the process alive must be awaited now.
    this.#conn.ref();
    this.#conn.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #receive(target: Uint8Array): Promise<number> {
    let bytes: number | null;
    try {
      bytes = await this.#conn.read(target);
    } catch (cause) {
      throw closedError(cause);
    }
    if (!bytes) throw nothingRead(bytes);
    return bytes;
  }

  // Created once, so that a transfer allocates no closure.
  readonly #readEnded = (bytes: number | null): void => {
    if (!bytes) return this.#reader?.failed(nothingRead(bytes));
    if (this.#target === undefined) return this.#reader?.moved(this.#count(bytes));
    this.#filled(bytes);
    this.#reader?.moved(this.take(this.#target));
  };
  readonly #readFailed = (cause: unknown): void => this.#reader?.failed(closedError(cause));
  readonly #writeEnded = (bytes: number): void => {
    this.#bytesSent += bytes;
    this.#writer?.moved(bytes);
  };
  readonly #writeFailed = (cause: unknown): void => this.#writer?.failed(closedError(cause));

  #filled(bytes: number): void {
    this.#begin = 0;
    this.#end = bytes;
  }

  #count(bytes: number): number {
    this.#bytesReceived += bytes;
    return bytes;
  }
}

/** A connection over a Unix socket. */
export function overUnix(conn: Deno.UnixConn): Connection {
  return new Connection(conn);
}

/** A connection over a TCP socket. */
export function overTcp(conn: Deno.TcpConn): Connection {
  conn.setNoDelay(true);
  conn.setKeepAlive(true);
  return new Connection(conn);
}

function endOf(address: Deno.Addr | MpiAddr): string {
  return "hostname" in address ? `${address.hostname}:${address.port}` : address.transport;
}

function hostnameOf(address: Deno.Addr | MpiAddr): string {
  return "hostname" in address ? address.hostname : "";
}

/** Why a read returned no bytes: the end of the stream, or an empty target. */
function nothingRead(bytes: number | null): Error {
  return bytes === null
    ? new ConnectionClosedError("The peer closed the connection")
    : new Error("The target of a read was detached or empty: its buffer must not change");
}

function closedError(cause: unknown): unknown {
  const closed = cause instanceof Deno.errors.ConnectionReset ||
    cause instanceof Deno.errors.ConnectionAborted ||
    cause instanceof Deno.errors.BrokenPipe ||
    cause instanceof Deno.errors.Interrupted ||
    cause instanceof Deno.errors.BadResource ||
    cause instanceof Deno.errors.UnexpectedEof ||
    cause instanceof Deno.errors.TimedOut ||
    cause instanceof Deno.errors.NotConnected;
  return closed ? new ConnectionClosedError(cause.message, { cause }) : cause;
}
