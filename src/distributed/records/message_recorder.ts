// The last 1,024 messages that this rank has sent to, or received from, the others of a group: always on, as call_recorder.ts
// is for collectives. Message s from rank a to rank b is the s-th `send` of a to b, and the s-th `receive` of b from a.

import { type CallState, recordedTime } from "./call_state.ts";

/** One message, as it is dumped. Times are milliseconds since 1970, 0 if that has not happened. */
export interface MessageRecord {
  /** What this rank did. */
  readonly op: "send" | "receive";
  /** Global rank of the other one. */
  readonly peer: number;
  /** Position of the message among those from the one rank to the other, from 0. */
  readonly sequence: number;
  /** Collectives of the group that were called before. */
  readonly place: number;
  /** Element type. */
  readonly dtype: string;
  /** Elements. */
  readonly count: number;
  /** How far it has come. */
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

/** What is noted of a message when the call is made. */
export type RecordedMessage = Pick<
  MessageRecord,
  "op" | "peer" | "sequence" | "place" | "dtype" | "count" | "bytesExpected"
>;

/** Messages that are kept. */
export const RECORDED_MESSAGES = 1024;

/** Notes the messages of one group. */
export class MessageRecorder {
  readonly #records: MessageRecord[] = [];
  #numMessages = 0;

  /** A call was made; what becomes of it is noted in what is returned. */
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

  /** What is kept, in the order of the calls. */
  records(): MessageRecord[] {
    const oldest = this.#numMessages % RECORDED_MESSAGES;
    const records = this.#numMessages <= RECORDED_MESSAGES
      ? this.#records
      : [...this.#records.slice(oldest), ...this.#records.slice(0, oldest)];
    return records.map((record) => ({ ...record }));
  }
}

/** A message whose record is kept up to date. */
export class RunningMessage {
  readonly #record: MessageRecord;

  /** Made by `MessageRecorder.queued`. */
  constructor(record: MessageRecord) {
    this.#record = record;
  }

  /** Payload sent or received so far. */
  get bytesDone(): number {
    return this.#record.bytesDone;
  }

  /** Its turn has come. */
  began(): void {
    this.#record.state = "running";
    this.#record.beganAt = recordedTime();
  }

  /** So many more bytes of its payload have been sent or received. */
  moved(bytes: number): void {
    this.#record.bytesDone += bytes;
  }

  /** It has ended. */
  ended(state: "finished" | "failed"): void {
    this.#record.state = state;
    this.#record.endedAt = recordedTime();
  }
}
