// Point-to-point messages: values from one rank to another, in the order of the calls of these two.
//
//   send      header and a short payload in one write, then the rest      receive   header, compared, then the values
//
// Over a plain network the values are followed by their sum (engine.ts). The messages of a pair share its connection
// with collectives, so call_order.ts puts both in one order.

import type { CallGuard } from "./call_guard.ts";
import type { CallOrder } from "./call_order.ts";
import type { FailureSite } from "../failures/failure.ts";
import { type Engine, WrongSum } from "./engine.ts";
import type { ElementType } from "../wire/call_kind.ts";
import type { MessageRecorder, RunningMessage } from "../records/message_recorder.ts";
import { FrameHeader, type GroupPeer, SHORT_BYTES } from "./group_peer.ts";
import { beginUse, endUse, type MemoryUse } from "./memory_in_use.ts";
import type { GroupProgress, RunningCall } from "../failures/stall.ts";

/** One message between two ranks. */
export interface PeerMessage {
  /** Group rank of the other one. */
  readonly peer: number;
  readonly dtype: ElementType;
  /** Elements. */
  readonly count: number;
  readonly values: Uint8Array;
  /** What it contains; "" if the caller does not say. */
  readonly label: string;
  readonly signal: AbortSignal | undefined;
}

/** Dependencies of messages. */
export interface PointToPointParts {
  /** Computes checksums; no collective runs beside a message. */
  readonly engine: Engine;
  /** The group's id on the wire. */
  readonly id: bigint;
  /** Global ranks, in group order. */
  readonly ranks: readonly number[];
  readonly peers: readonly GroupPeer[];
  readonly order: CallOrder;
  readonly guard: CallGuard;
  readonly progress: GroupProgress;
  readonly recorder: MessageRecorder;
  /** The number of the next collective, which other ranks can compare with their own. */
  readonly place: () => number;
}

/** Sends and receives the messages of one group. */
export class PointToPoint {
  readonly #parts: PointToPointParts;
  readonly #sent: number[];
  readonly #received: number[];
  readonly #running = new Set<RunningCall>();

  /** No message has been sent. */
  constructor(parts: PointToPointParts) {
    this.#parts = parts;
    this.#sent = parts.ranks.map(() => 0);
    this.#received = parts.ranks.map(() => 0);
  }

  /** Queues a message to a peer, behind the collectives and the messages to it made before. @throws as `beginUse`. */
  send(message: PeerMessage): Promise<void> {
    const { peer, values } = message;
    const use = this.#beginUse("send", message);
    const sequence = this.#sent[peer]++;
    const header = this.#header(message, sequence);
    return this.#run(
      `to ${peer}`,
      { ...message, op: "send", sequence, use },
      async (to, record) => {
        const { engine } = this.#parts;
        // Before the write: the peer may answer before this rank knows that the write has ended.
        const begin = to.putHeader(header.with(values.length + engine.trailerBytes(peer)));
        if (engine.checks(peer)) engine.sumSent(peer, values);
        const short = values.subarray(0, SHORT_BYTES);
        to.outgoing.set(short, begin);
        await to.connection.writeAll(to.outgoing.subarray(0, begin + short.length));
        record.moved(short.length);
        while (record.bytesDone < values.length) {
          record.moved(await to.connection.write(values.subarray(record.bytesDone)));
          this.#parts.progress.moves++;
        }
        if (engine.checks(peer)) await to.connection.writeAll(engine.trailerOfSent(peer));
      },
    );
  }

  /** Queues the receipt of a message from a peer, behind the collectives and the messages from it made before. */
  receive(message: PeerMessage): Promise<void> {
    const { peer, values } = message;
    const use = this.#beginUse("receive", message);
    const sequence = this.#received[peer]++;
    const header = this.#header(message, sequence);
    const call = { ...message, op: "receive", sequence, use } as const;
    return this.#run(`from ${peer}`, call, async (from, record) => {
      const { engine } = this.#parts;
      await from.readHeader(header, values.length + engine.trailerBytes(peer));
      while (record.bytesDone < values.length) {
        const missing = values.subarray(record.bytesDone);
        const read = await from.connection.read(missing);
        if (engine.checks(peer)) engine.sumReceived(peer, missing.subarray(0, read));
        record.moved(read);
        this.#parts.progress.moves++;
      }
      if (!engine.checks(peer)) return;
      const trailer = new Uint8Array(engine.trailerBytes(peer));
      await from.connection.readFully(trailer);
      try {
        engine.requireTrailer(peer, trailer);
      } catch (error) {
        throw error instanceof WrongSum ? from.wrongSum() : error;
      }
    });
  }

  #run(
    key: string,
    message: PeerMessage & {
      readonly op: "send" | "receive";
      readonly sequence: number;
      readonly use: MemoryUse;
    },
    move: (peer: GroupPeer, record: RunningMessage) => Promise<void>,
  ): Promise<void> {
    const { ranks, order, guard, recorder } = this.#parts;
    const { peer, op, signal, dtype, count, label, sequence, values, use } = message;
    const place = this.#parts.place();
    const site: FailureSite = { group: ranks, op, sequence: place };
    const record = recorder.queued({
      op,
      peer: ranks[peer],
      sequence,
      place,
      dtype,
      count,
      label,
      bytesExpected: values.length,
    });
    const call = order.message(key, async () => {
      try {
        guard.requireOpen();
        await this.#move(message, site, { record, move });
      } finally {
        endUse(use);
      }
    });
    return signal === undefined ? call : guard.abortable(call, { signal, site: () => site });
  }

  async #move(
    { peer }: PeerMessage,
    site: FailureSite,
    { record, move }: {
      readonly record: RunningMessage;
      readonly move: (peer: GroupPeer, record: RunningMessage) => Promise<void>;
    },
  ): Promise<void> {
    const { ranks, guard, progress } = this.#parts;
    const running = { site, waitingFor: ranks[peer] };
    this.#running.add(running);
    guard.begin(running);
    record.began();
    try {
      await move(this.#peerAt(peer), record);
      record.ended("finished");
    } catch (error) {
      record.ended("failed");
      await guard.reportFailure(peer, site, error);
      throw guard.reasonFor(error);
    } finally {
      this.#running.delete(running);
      progress.running = this.#running.values().next().value;
    }
  }

  #beginUse(op: "send" | "receive", { peer, values }: PeerMessage): MemoryUse {
    const { order, ranks } = this.#parts;
    const use: MemoryUse = {
      lane: { group: order, key: `${op} ${peer}` },
      op,
      ranks,
      reads: op === "send" ? values : EMPTY,
      writes: op === "send" ? EMPTY : values,
    };
    beginUse(use);
    return use;
  }

  #header({ dtype, count, label }: PeerMessage, sequence: number): FrameHeader {
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
      label,
    });
    return header;
  }

  #peerAt(rank: number): GroupPeer {
    const peer = this.#parts.peers.find((each) => each.rank === rank);
    if (peer === undefined) throw new Error(`Rank ${rank} of the group is no peer`);
    return peer;
  }
}

const EMPTY = new Uint8Array();
