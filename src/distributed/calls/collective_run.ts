// Runs one collective on one rank: moves the engine's bytes over one connection per peer.
//
//   to each peer:    the header and the bytes that are ready in one write; then more whenever bytes become ready
//   from each peer:  the header, compared with this rank's own; then bytes to the places that the engine returns
//   after each read: fold complete segments, resume senders that have bytes again and receivers that have room again
//
// All peers are served concurrently. A receiver whose next term has no room yet, as other ranks' terms of the same segment
// are missing, has no pending read; TCP's flow control holds its peer back meanwhile. Short frames are read one peer after
// the other, though: when the first has arrived, the others mostly have too, and are read without another wait (4 ranks,
// bare sockets: 21 instead of 28 us of CPU per exchange).
//
// All objects are created once per group, and a read or write takes one promise: at 8 bytes every allocation counts.

import { ALGORITHMS } from "../wire/algorithms.ts";
import type { Engine } from "./engine.ts";
import type { Fingerprint } from "../wire/frame.ts";
import { type LaneHost, Receiver, Sender } from "./lanes.ts";
import { FrameHeader, type GroupPeer, SHORT_BYTES } from "./group_peer.ts";

/** Callbacks of a run. */
export interface RunListener {
  /** `bytes` of payload have moved. */
  moved(bytes: number): void;
  /** The exchange with `peer` failed: resolves when the world has failed and all connections are closing. */
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
  /** Reads, writes and failure reports that are pending. */
  #pending = 0;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #failure: { readonly error: unknown } | undefined;

  /** For group rank `rank`; `peers` from the next rank on, wrapping around. */
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
      stopped: () => this.#receiveNext(),
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
   * Runs the collective that the engine has begun. Settles when no read or write is pending; rejects with the first error.
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
      // A two-shot has two halves: a receiver is idle after the terms, until they are folded and the results follow.
      const isShort = this.#from.every(({ expected }) => expected <= SHORT_BYTES);
      if (isShort) this.#receiveNext();
      else {
        for (const receiver of this.#from) if (receiver.state === "prepared") receiver.receive();
      }
      this.#end();
    });
  }

  /** Payload to send and to receive in the current collective. */
  get bytesExpected(): number {
    let bytes = 0;
    for (const { expected } of this.#to) bytes += expected;
    for (const { expected } of this.#from) bytes += expected;
    return bytes;
  }

  /** A peer (group rank) whose bytes are awaited or, if there is none, one that must accept ours. */
  get waitingFor(): number | undefined {
    const receiver = this.#from.find(({ state }) => state === "running");
    return (receiver ?? this.#to.find(({ state }) => state !== "done"))?.peer.rank;
  }

  /** Starts the next receiver that has not been started. */
  #receiveNext(): void {
    this.#from.find(({ state }) => state === "prepared")?.receive();
  }

  /** Bytes have moved: folds complete segments, and resumes senders and receivers that have work again. */
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

  /** A pending operation has ended; the last one settles the call. */
  #end(): void {
    if (--this.#pending > 0) return;
    const isOpen = ({ state }: Sender | Receiver) => state !== "done";
    if (this.#failure !== undefined) this.#reject(this.#failure.error);
    else if (this.#to.some(isOpen) || this.#from.some(isOpen)) {
      this.#reject(new Error("A collective stopped before it was complete"));
    } else this.#resolve();
  }
}
