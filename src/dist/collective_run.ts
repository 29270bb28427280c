// One collective under way on one rank: the engine's bytes moved over one connection per peer.
//
//   to each peer:    header and what may go at once in one write; then more whenever something becomes ready
//   from each peer:  header, compared with this rank's own; then bytes to where the engine wants them
//   after each read: fold what is whole, wake the senders it has work for, wake the receivers it has made room for
//
// All peers are served at the same time. A receiver whose next term has no room yet, as other ranks' terms of the same
// segment are missing, stands by without a pending read; TCP holds its peer back meanwhile.

import { type Engine, FULL } from "./engine.ts";
import { HEADER_BYTES } from "./frame.ts";
import { type FrameHeader, type Peer, STAGING_BYTES } from "./peer.ts";

/** What a run tells its group. */
export interface RunListener {
  /** So many bytes have moved; the peer that must act next is this one (a group rank), or none at the end. */
  moved(bytes: number, waitingFor: number | undefined): void;
  /** Something went wrong with `peer`: resolves when the world has failed and all connections are closing. */
  failed(peer: number, error: unknown): Promise<void>;
}

/** What a run is made of. */
export interface RunParts {
  readonly engine: Engine;
  readonly header: FrameHeader;
  /** Peers that this rank sends to. */
  readonly to: readonly Peer[];
  /** Peers that this rank receives from. */
  readonly from: readonly Peer[];
  readonly listener: RunListener;
}

/**
 * Runs the collective that `engine` has begun. Settles when no read or write is pending any more; rejects with the first
 * error.
 */
export function runCollective(parts: RunParts): Promise<void> {
  return new CollectiveRun(parts).start();
}

class CollectiveRun {
  readonly #engine: Engine;
  readonly #header: FrameHeader;
  readonly #listener: RunListener;
  readonly #senders: readonly Sender[];
  readonly #receivers: readonly Receiver[];
  readonly #settled = Promise.withResolvers<void>();
  /** Loops that run now. */
  #active = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor({ engine, header, to, from, listener }: RunParts) {
    this.#engine = engine;
    this.#header = header;
    this.#listener = listener;
    this.#senders = to.map((peer) => ({ peer, left: engine.bytesTo(peer.rank), state: "idle" }));
    this.#receivers = from.map((peer) => ({ peer, state: "idle" }));
  }

  start(): Promise<void> {
    for (const sender of this.#senders) this.#run(sender, () => this.#sendFirst(sender));
    for (const receiver of this.#receivers) this.#run(receiver, () => this.#receiveFirst(receiver));
    this.#listener.moved(0, this.#waitingFor());
    return this.#settled.promise;
  }

  /** Runs a loop of one peer; the last one to end settles the call. */
  #run(end: Sender | Receiver, loop: () => Promise<void>): void {
    end.state = "running";
    this.#active++;
    loop()
      .catch(async (error) => {
        this.#failure ??= { error };
        await this.#listener.failed(end.peer.rank, error);
      })
      .then(() => {
        if (--this.#active === 0) this.#settle();
      }, this.#settled.reject);
  }

  #settle(): void {
    const isOpen = ({ state }: Sender | Receiver) => state !== "done";
    if (this.#failure !== undefined) return this.#settled.reject(this.#failure.error);
    if (this.#senders.some(isOpen) || this.#receivers.some(isOpen)) {
      return this.#settled.reject(new Error("A collective has come to a stop before its end"));
    }
    this.#settled.resolve();
  }

  async #sendFirst(sender: Sender): Promise<void> {
    const { rank, connection, outgoing } = sender.peer;
    outgoing.set(this.#header.with(sender.left));
    const ready = this.#engine.nextSend(rank)?.subarray(0, STAGING_BYTES - HEADER_BYTES);
    const length = ready?.length ?? 0;
    if (ready !== undefined) {
      outgoing.set(ready, HEADER_BYTES);
      // They are copied, so what lies there may be overwritten.
      this.#engine.sent(rank, length);
      sender.left -= length;
    }
    await connection.writeAll(outgoing.subarray(0, HEADER_BYTES + length));
    this.#listener.moved(length, this.#waitingFor());
    await this.#send(sender);
  }

  async #send(sender: Sender): Promise<void> {
    const { rank, connection } = sender.peer;
    while (sender.left > 0) {
      const bytes = this.#engine.nextSend(rank);
      if (bytes === undefined) {
        sender.state = "idle";
        return;
      }
      const written = await connection.write(bytes);
      this.#engine.sent(rank, written);
      sender.left -= written;
      this.#advance(written);
    }
    sender.state = "done";
    this.#listener.moved(0, this.#waitingFor());
  }

  async #receiveFirst(receiver: Receiver): Promise<void> {
    const { peer } = receiver;
    await peer.readHeader(this.#header, this.#engine.bytesFrom(peer.rank));
    await this.#receive(receiver);
  }

  async #receive(receiver: Receiver): Promise<void> {
    const { rank, connection } = receiver.peer;
    let place = this.#engine.nextReceive(rank);
    while (place !== undefined) {
      if (place === FULL) {
        receiver.state = "idle";
        this.#listener.moved(0, this.#waitingFor());
        return;
      }
      const read = await connection.read(place);
      this.#engine.received(rank, read);
      this.#advance(read);
      place = this.#engine.nextReceive(rank);
    }
    receiver.state = "done";
    this.#listener.moved(0, this.#waitingFor());
  }

  /** Bytes have moved: folds what is whole, and starts the loops that have work again. */
  #advance(bytes: number): void {
    let hasFolded = false;
    while (this.#engine.fold()) hasFolded = true;
    for (const sender of this.#senders) {
      if (sender.state === "idle" && this.#engine.nextSend(sender.peer.rank) !== undefined) {
        this.#run(sender, () => this.#send(sender));
      }
    }
    if (hasFolded) {
      for (const receiver of this.#receivers) {
        if (receiver.state === "idle") this.#run(receiver, () => this.#receive(receiver));
      }
    }
    this.#listener.moved(bytes, this.#waitingFor());
  }

  /** A peer whose bytes are awaited or, if there is none, one that must take ours. */
  #waitingFor(): number | undefined {
    const receiver = this.#receivers.find(({ state }) => state === "running");
    return (receiver ?? this.#senders.find(({ state }) => state !== "done"))?.peer.rank;
  }
}

interface Sender {
  readonly peer: Peer;
  /** Bytes of payload still to be sent. */
  left: number;
  state: "idle" | "running" | "done";
}

interface Receiver {
  readonly peer: Peer;
  state: "idle" | "running" | "done";
}
