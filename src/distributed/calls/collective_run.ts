// One collective under way on one rank: the engine's bytes moved over one connection per peer.
//
//   to each peer:    header and what may go at once in one write; then more whenever something becomes ready
//   from each peer:  header, compared with this rank's own; then bytes to where the engine wants them
//   after each read: fold what is whole, wake the senders it has work for, wake the receivers it has made room for
//
// All peers are served at the same time. A receiver whose next term has no room yet, as other ranks' terms of the same
// segment are missing, stands by without a pending read; TCP holds its peer back meanwhile. Short frames that wait for
// nothing are read one peer after the other, though: when the first has come, the others mostly have too, and are read
// without falling asleep again (4 ranks, bare sockets: 21 instead of 28 us of CPU per exchange).
//
// All of it is made once per group, and a read or write takes one promise: at 8 bytes every allocation counts.

import { ALGORITHMS } from "../wire/algorithms.ts";
import type { Engine } from "./engine.ts";
import { type Fingerprint, HEADER_BYTES } from "../wire/frame.ts";
import { type LaneHost, Receiver, Sender } from "./lanes.ts";
import { FrameHeader, type GroupPeer, STAGING_BYTES } from "./group_peer.ts";

/** What runs tell their group. */
export interface RunListener {
  /** So many bytes of payload have moved. */
  moved(bytes: number): void;
  /** Something went wrong with `peer`: resolves when the world has failed and all connections are closing. */
  failed(peer: number, error: unknown): Promise<void>;
}

interface Lanes {
  readonly to: readonly Sender[];
  readonly from: readonly Receiver[];
}

/** Runs the collectives of one group, one at a time. */
export class CollectiveRun {
  readonly #engine: Engine;
  readonly #listener: RunListener;
  /** Per algorithm, the senders and receivers of the peers with which it exchanges frames. */
  readonly #lanes: ReadonlyMap<string, Lanes>;
  readonly #header = new FrameHeader();
  readonly #ended = (): void => this.#end();
  #to: readonly Sender[] = [];
  #from: readonly Receiver[] = [];
  /** Reads, writes and failures whose end is awaited. */
  #pending = 0;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #failure: { readonly error: unknown } | undefined;

  /** Of group rank `rank`; `peers` from the next rank on, round to the one before. */
  constructor(
    engine: Engine,
    { rank, peers }: { readonly rank: number; readonly peers: readonly GroupPeer[] },
    listener: RunListener,
  ) {
    this.#engine = engine;
    this.#listener = listener;
    const lane: LaneHost = {
      engine,
      header: this.#header,
      began: () => {
        this.#pending++;
      },
      moved: (bytes: number) => listener.moved(bytes),
      advance: () => this.#advance(),
      failed: (peer: GroupPeer, error: unknown) => this.#fail(peer, error),
      ended: this.#ended,
      stoodBy: () => this.#receiveNext(),
      hasFailed: () => this.#failure !== undefined,
    };
    const senders = peers.map((peer) => new Sender(peer, lane));
    const receivers = peers.map((peer) => new Receiver(peer, lane));
    const size = peers.length + 1;
    this.#lanes = new Map(ALGORITHMS.map(({ name, sends }) => [name, {
      to: senders.filter(({ peer }) => sends(rank, peer.rank, size)),
      from: receivers.filter(({ peer }) => sends(peer.rank, rank, size)),
    }]));
  }

  /**
   * Runs the collective that the engine has begun. Settles when no read or write is pending any more; rejects with the
   * first error.
   */
  start(fingerprint: Fingerprint): Promise<void> {
    const lanes = this.#lanes.get(fingerprint.algorithm);
    if (lanes === undefined) throw new RangeError(`No algorithm ${fingerprint.algorithm}`);
    this.#to = lanes.to;
    this.#from = lanes.from;
    this.#failure = undefined;
    this.#header.write(fingerprint);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#pending = 1;
      for (const receiver of this.#from) receiver.prepare();
      for (const sender of this.#to) sender.start();
      // Of a two-shot, the terms, after which a receiver stands by; the other half comes to all when these are folded.
      const isShort = this.#from.every(({ expected }) => expected <= STAGING_BYTES - HEADER_BYTES);
      if (isShort) this.#receiveNext();
      else {
        for (const receiver of this.#from) if (receiver.state === "prepared") receiver.receive();
      }
      this.#end();
    });
  }

  /** Payload to send and to receive in the collective that has been started. */
  get bytesExpected(): number {
    let bytes = 0;
    for (const { expected } of this.#to) bytes += expected;
    for (const { expected } of this.#from) bytes += expected;
    return bytes;
  }

  /** A peer (group rank) whose bytes are awaited or, if there is none, one that must take ours. */
  get waitingFor(): number | undefined {
    const receiver = this.#from.find(({ state }) => state === "running");
    return (receiver ?? this.#to.find(({ state }) => state !== "done"))?.peer.rank;
  }

  /** Starts the first receiver that is still to be started. */
  #receiveNext(): void {
    this.#from.find(({ state }) => state === "prepared")?.receive();
  }

  /** Bytes have moved: folds what is whole, and starts those that have work again. */
  #advance(): void {
    let hasFolded = false;
    while (this.#engine.fold()) hasFolded = true;
    for (const sender of this.#to) if (sender.state === "idle") sender.send();
    if (!hasFolded) return;
    for (const receiver of this.#from) if (receiver.state === "idle") receiver.receive();
  }

  #fail({ rank }: GroupPeer, error: unknown): void {
    this.#failure ??= { error };
    this.#pending++;
    this.#listener.failed(rank, error).then(this.#ended, this.#ended);
  }

  /** Something that was awaited has ended; the last one settles the call. */
  #end(): void {
    if (--this.#pending > 0) return;
    const isOpen = ({ state }: Sender | Receiver) => state !== "done";
    if (this.#failure !== undefined) this.#reject(this.#failure.error);
    else if (this.#to.some(isOpen) || this.#from.some(isOpen)) {
      this.#reject(new Error("A collective has come to a stop before its end"));
    } else this.#resolve();
  }
}
