// Point to point: values from one rank to another, in the order of the calls of these two.
//
//   send      header and a short payload in one write, then the rest      receive   header, compared, then the values
//
// The frames of a pair share the connection with its collectives, so call_order.ts puts both in one order.

import type { CallGuard } from "./call_guard.ts";
import type { CallOrder } from "./call_order.ts";
import type { FailureSite } from "./failure.ts";
import { type Dtype, HEADER_BYTES } from "./frame.ts";
import { FrameHeader, type Peer, STAGING_BYTES } from "./peer.ts";
import type { GroupProgress, RunningCall } from "./stall.ts";

/** One message between two ranks. */
export interface Message {
  /** Group rank of the other one. */
  readonly peer: number;
  readonly dtype: Dtype;
  /** Elements. */
  readonly count: number;
  readonly values: Uint8Array;
  readonly signal: AbortSignal | undefined;
}

/** What messages run on. */
export interface MessagesParts {
  /** The group's id on the wire. */
  readonly id: bigint;
  /** Global ranks, in group order. */
  readonly ranks: readonly number[];
  readonly peers: readonly Peer[];
  readonly order: CallOrder;
  readonly guard: CallGuard;
  readonly progress: GroupProgress;
  /** The number of the collective that is called next: what a rank that is asked about a message can compare. */
  readonly place: () => number;
}

/** Sends and receives the messages of one group. */
export class Messages {
  readonly #parts: MessagesParts;
  readonly #sent: number[];
  readonly #received: number[];
  readonly #running = new Set<RunningCall>();

  /** None has been sent. */
  constructor(parts: MessagesParts) {
    this.#parts = parts;
    this.#sent = parts.ranks.map(() => 0);
    this.#received = parts.ranks.map(() => 0);
  }

  /** Queues a message to a peer, behind the collectives and the messages to it made before. */
  send(message: Message): Promise<void> {
    const { peer, values } = message;
    const header = this.#header(message, this.#sent[peer]++);
    return this.#run(`to ${peer}`, { ...message, op: "send" }, async (to) => {
      const short = values.subarray(0, STAGING_BYTES - HEADER_BYTES);
      to.outgoing.set(header.with(values.length));
      to.outgoing.set(short, HEADER_BYTES);
      await to.connection.writeAll(to.outgoing.subarray(0, HEADER_BYTES + short.length));
      for (let done = short.length; done < values.length;) {
        done += await to.connection.write(values.subarray(done));
        this.#parts.progress.moves++;
      }
    });
  }

  /** Queues the receipt of a message from a peer, behind the collectives and the messages from it made before. */
  receive(message: Message): Promise<void> {
    const { peer, values } = message;
    const header = this.#header(message, this.#received[peer]++);
    return this.#run(`from ${peer}`, { ...message, op: "receive" }, async (from) => {
      await from.readHeader(header, values.length);
      for (let done = 0; done < values.length;) {
        done += await from.connection.read(values.subarray(done));
        this.#parts.progress.moves++;
      }
    });
  }

  #run(
    key: string,
    { peer, op, signal }: Message & { readonly op: "send" | "receive" },
    move: (peer: Peer) => Promise<void>,
  ): Promise<void> {
    const { ranks, order, guard, progress } = this.#parts;
    const site: FailureSite = { group: ranks, op, sequence: this.#parts.place() };
    const call = order.message(key, async () => {
      guard.requireOpen();
      const running = { site, waitingFor: ranks[peer] };
      this.#running.add(running);
      guard.begin(running);
      try {
        await move(this.#peerAt(peer));
      } catch (error) {
        await guard.blame(peer, site, error);
        throw guard.reasonFor(error);
      } finally {
        this.#running.delete(running);
        progress.running = this.#running.values().next().value;
      }
    });
    return signal === undefined ? call : guard.abortable(call, { signal, site: () => site });
  }

  #header({ dtype, count }: Message, sequence: number): FrameHeader {
    const header = new FrameHeader();
    header.write({
      op: "send",
      dtype,
      algorithm: "direct",
      reduction: "sum",
      group: this.#parts.id,
      sequence: sequence >>> 0,
      root: 0,
      count,
      countsDigest: 0,
    });
    return header;
  }

  #peerAt(rank: number): Peer {
    const peer = this.#parts.peers.find((each) => each.rank === rank);
    if (peer === undefined) throw new Error(`Rank ${rank} of the group is no peer`);
    return peer;
  }
}
