// Opens streams between ranks of an MPI job, and hands them to the handshake as connections.
//
//   dialer                                  acceptor
//     | own rank, own tag ------ tag 0 ------> |     each end receives by a tag that it has chosen itself, so streams need no
//     | <------ its tag --- the dialer's tag - |     numbers that all ranks agree on
//
// Between ranks of one machine MPI moves bytes through memory, so they need no sums, as those of a Unix socket. On its way to
// another machine a byte may be damaged or changed like one over TCP.

import type { Listener } from "../listener.ts";
import { Connection } from "../transport.ts";
import { MpiJob, Request } from "./job.ts";
import type { Pending } from "./progress.ts";
import { MpiStream } from "./stream.ts";

/** Opens a stream to `rank`; the caller owns the connection. @throws the reason of `signal`. */
export async function connectMpi(rank: number, signal: AbortSignal): Promise<Connection> {
  const job = MpiJob.started;
  const stream = new MpiStream(job, rank);
  const connection = connectionTo(rank, stream);
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    signal.throwIfAborted();
    const request = Int32Array.of(job.rank, stream.tag);
    stream.sendTag = REQUEST_TAG;
    await connection.writeAll(new Uint8Array(request.buffer));
    const answer = new Int32Array(1);
    await connection.readFully(new Uint8Array(answer.buffer));
    stream.sendTag = answer[0];
    return connection;
  } catch (error) {
    connection.close();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

/** Accepts the streams that other ranks open. */
export function listenMpi(): Listener {
  return new MpiListener(MpiJob.started);
}

class MpiListener implements Listener, Pending {
  readonly isUrgent = false;
  readonly #job: MpiJob;
  readonly #request = new Request();
  readonly #message = new Int32Array(2);
  #isReceiving = false;
  #awaited: PromiseWithResolvers<Connection> | undefined;

  constructor(job: MpiJob) {
    this.#job = job;
  }

  async accept(): Promise<Connection> {
    this.#awaited = Promise.withResolvers();
    this.#job.progress.add(this);
    const connection = await this.#awaited.promise;
    return connection;
  }

  poll(): boolean {
    const awaited = this.#awaited;
    if (awaited === undefined || !this.#hasRequest()) return false;
    this.#awaited = undefined;
    this.#job.progress.delete(this);
    const [rank, tag] = this.#message;
    const stream = new MpiStream(this.#job, rank);
    stream.sendTag = tag;
    const connection = connectionTo(rank, stream);
    connection.writeAll(new Uint8Array(Int32Array.of(stream.tag).buffer)).then(
      () => awaited.resolve(connection),
      (error) => {
        connection.close();
        awaited.reject(error);
      },
    );
    return true;
  }

  close(): void {
    this.#job.progress.delete(this);
    this.#awaited?.reject(new Deno.errors.BadResource("The listener is closed"));
    this.#awaited = undefined;
    if (this.#isReceiving) this.#job.abandon(this.#request);
  }

  /** It never keeps the process alive. */
  ref(): void {}

  unref(): void {}

  /** True if a request for a stream is in `message`. */
  #hasRequest(): boolean {
    const job = this.#job;
    if (!this.#isReceiving) {
      const from = job.anyRank;
      if (job.probe(from, REQUEST_TAG) < 0) return false;
      const target = new Uint8Array(this.#message.buffer);
      job.receive(target, { from, tag: REQUEST_TAG, request: this.#request });
      this.#isReceiving = true;
    }
    if (!job.hasEnded(this.#request)) return false;
    this.#isReceiving = false;
    return true;
  }
}

function connectionTo(rank: number, stream: MpiStream): Connection {
  return new Connection(stream, MpiJob.started.isNear(rank) ? "local" : "none");
}

const REQUEST_TAG = 0;
