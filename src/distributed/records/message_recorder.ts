// Records the last 1,024 point-to-point messages of a group on this rank; always on, as call_recorder.ts for collectives.
// Message s from rank a to rank b is the s-th `send` of a to b, and the s-th `receive` of b from a.

import { type CallState, recordedTime } from "./call_state.ts";

/**
 * One message in a dump. Times are milliseconds since 1970, 0 if that has not happened.
 *
 * @category Distributed
 */
export interface MessageRecord {
  /** The call on this rank. */
  readonly op: "send" | "receive";
  /** Global rank of the peer. */
  readonly peer: number;
  /** Position among the messages from the sender to the receiver, from 0. */
  readonly sequence: number;
  /** Number of collectives of the group that were called before. */
  readonly place: number;
  /** Element type. */
  readonly dtype: string;
  /** Number of elements. */
  readonly count: number;
  /** What it contains; "" if the caller did not say. */
  readonly label: string;
  /** Its state. */
  state: CallState;
  /** When the call was made. */
  readonly queuedAt: number;
  /** When its turn came. */
  beganAt: number;
  /** When it finished or failed. */
  endedAt: number;
  /** Payload sent or received so far. */
  bytesDone: number;
  /** Payload to send or to receive. */
  readonly bytesExpected: number;
}

/** The properties of a message that are known when the call is made. */
export type RecordedMessage = Pick<
  MessageRecord,
  "op" | "peer" | "sequence" | "place" | "dtype" | "count" | "label" | "bytesExpected"
>;

/** Number of messages that are kept. */
export const RECORDED_MESSAGES = 1024;

/** Records the messages of one group. */
export class MessageRecorder {
  readonly #records: MessageRecord[] = [];
  #numMessages = 0;

  /** A call was made; its progress is recorded through the object that is returned. */
  queued(message: RecordedMessage): RunningMessage {
    const record: MessageRecord = {
      ...message,
      state: "queued",
      queuedAt: recordedTime(),
      beganAt: 0,
      endedAt: 0,
      bytesDone: 0,
    };
    this.#records[this.#numMessages++ % RECORDED_MESSAGES] = record;
    return new RunningMessage(record);
  }

  /** The recorded messages, in the order of the calls. */
  records(): MessageRecord[] {
    const oldest = this.#numMessages % RECORDED_MESSAGES;
    const records = this.#numMessages <= RECORDED_MESSAGES
      ? this.#records
      : [...this.#records.slice(oldest), ...this.#records.slice(0, oldest)];
    return records.map((record) => ({ ...record }));
  }
}

/** Updates the record of one message. */
export class RunningMessage {
  readonly #record: MessageRecord;

  /** For `MessageRecorder.queued`. */
  constructor(record: MessageRecord) {
    this.#record = record;
  }

  /** Payload sent or received so far. */
  get bytesDone(): number {
    return this.#record.bytesDone;
  }

  /** It begins. */
  began(): void {
    this.#record.state = "running";
    this.#record.beganAt = recordedTime();
  }

  /** `bytes` more of its payload have been sent or received. */
  moved(bytes: number): void {
    this.#record.bytesDone += bytes;
  }

  /** It has ended. */
  ended(state: "finished" | "failed"): void {
    this.#record.state = state;
    this.#record.endedAt = recordedTime();
  }
}
