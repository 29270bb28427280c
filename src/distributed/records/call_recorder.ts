// Records the last 1,024 calls of a group on this rank. It is always on, so that rare failures can be explained.
//
// Call s is stored in slot s mod 1,024 of arrays that are allocated once; a record writes a dozen numbers and allocates
// nothing. The records of all ranks of a group must agree on op, dtype, reduction, root, count, counts and label of every
// call number; src/cli/analyse.ts finds the first where they do not.

import { ALGORITHM_NAMES } from "../wire/algorithms.ts";
import { ELEMENT_TYPES, OPS, REDUCTIONS } from "../wire/call_kind.ts";
import type { Fingerprint } from "../wire/frame.ts";
import { CALL_STATES, type CallState, recordedTime } from "./call_state.ts";
import { MessageRecorder } from "./message_recorder.ts";

export type { CallState } from "./call_state.ts";

/**
 * One call in a dump. Times are milliseconds since 1970, 0 if that has not happened.
 *
 * @category Distributed
 */
export interface CallRecord {
  /** Position of the call in its group, from 0. */
  readonly sequence: number;
  /** Name of the call, such as `allReduce`. */
  readonly op: string;
  /** Element type. */
  readonly dtype: string;
  /** Name of the algorithm. */
  readonly algorithm: string;
  /** Name of the reduction. */
  readonly reduction: string;
  /** Group rank of the root, 0 where there is none. */
  readonly root: number;
  /** Elements of the whole values. */
  readonly count: number;
  /** Digest of the counts per rank, 0 where they follow from `count`. */
  readonly countsDigest: number;
  /** What is exchanged; "" if the caller did not say. */
  readonly label: string;
  /** Its state. */
  readonly state: CallState;
  /** When it was made. */
  readonly queuedAt: number;
  /** When its turn came. */
  readonly beganAt: number;
  /** When it finished or failed. */
  readonly endedAt: number;
  /** Payload received and sent so far. */
  readonly bytesDone: number;
  /** Payload to receive and to send. */
  readonly bytesExpected: number;
}

/** The properties of a call that are known when it is made. */
export type RecordedCall = Omit<Fingerprint, "group">;

/** Number of calls that are kept. */
export const RECORDED_CALLS = 1024;

/** Records the calls of one group. Call numbers go up by one, from 0. */
export class CallRecorder {
  /** The point-to-point messages. */
  readonly messages: MessageRecorder = new MessageRecorder();
  readonly #sequence = new Float64Array(RECORDED_CALLS).fill(-1);
  readonly #op = new Uint8Array(RECORDED_CALLS);
  readonly #dtype = new Uint8Array(RECORDED_CALLS);
  readonly #algorithm = new Uint8Array(RECORDED_CALLS);
  readonly #reduction = new Uint8Array(RECORDED_CALLS);
  readonly #state = new Uint8Array(RECORDED_CALLS);
  readonly #root = new Uint32Array(RECORDED_CALLS);
  readonly #count = new Float64Array(RECORDED_CALLS);
  readonly #countsDigest = new Uint32Array(RECORDED_CALLS);
  readonly #label: string[] = new Array(RECORDED_CALLS).fill("");
  readonly #queuedAt = new Float64Array(RECORDED_CALLS);
  readonly #beganAt = new Float64Array(RECORDED_CALLS);
  readonly #endedAt = new Float64Array(RECORDED_CALLS);
  readonly #bytesDone = new Float64Array(RECORDED_CALLS);
  readonly #bytesExpected = new Float64Array(RECORDED_CALLS);

  /** A call was made. */
  queued(call: RecordedCall): void {
    const slot = call.sequence % RECORDED_CALLS;
    this.#sequence[slot] = call.sequence;
    this.#op[slot] = OPS.indexOf(call.op);
    this.#dtype[slot] = ELEMENT_TYPES.indexOf(call.dtype);
    this.#algorithm[slot] = ALGORITHM_NAMES.indexOf(call.algorithm);
    this.#reduction[slot] = REDUCTIONS.indexOf(call.reduction);
    this.#state[slot] = CALL_STATES.indexOf("queued");
    this.#root[slot] = call.root;
    this.#count[slot] = call.count;
    this.#countsDigest[slot] = call.countsDigest;
    this.#label[slot] = call.label;
    this.#queuedAt[slot] = recordedTime();
    this.#beganAt[slot] = 0;
    this.#endedAt[slot] = 0;
    this.#bytesDone[slot] = 0;
    this.#bytesExpected[slot] = 0;
  }

  /** It begins, with `bytesExpected` of payload to receive and send. */
  began(sequence: number, bytesExpected: number): void {
    const slot = sequence % RECORDED_CALLS;
    this.beganAtOnce(sequence, bytesExpected);
    this.#beganAt[slot] = recordedTime();
  }

  /** It begins when it is made: saves reading the clock again, which costs more than all the rest here. */
  beganAtOnce(sequence: number, bytesExpected: number): void {
    const slot = sequence % RECORDED_CALLS;
    this.#state[slot] = CALL_STATES.indexOf("running");
    this.#beganAt[slot] = this.#queuedAt[slot];
    this.#bytesExpected[slot] = bytesExpected;
  }

  /** `bytes` more of its payload have been received or sent. */
  moved(sequence: number, bytes: number): void {
    this.#bytesDone[sequence % RECORDED_CALLS] += bytes;
  }

  /** It has ended. */
  ended(sequence: number, state: "finished" | "failed"): void {
    const slot = sequence % RECORDED_CALLS;
    this.#state[slot] = CALL_STATES.indexOf(state);
    this.#endedAt[slot] = recordedTime();
  }

  /** The progress of a call that is still kept. */
  bytesOf(sequence: number): { readonly bytesDone: number; readonly bytesExpected: number } {
    const slot = sequence % RECORDED_CALLS;
    return { bytesDone: this.#bytesDone[slot], bytesExpected: this.#bytesExpected[slot] };
  }

  /** The recorded calls, oldest first. */
  records(): CallRecord[] {
    const slots = Array.from(this.#sequence.keys()).filter((slot) => this.#sequence[slot] >= 0);
    return slots.sort((a, b) => this.#sequence[a] - this.#sequence[b]).map((slot) => ({
      sequence: this.#sequence[slot],
      op: OPS[this.#op[slot]],
      dtype: ELEMENT_TYPES[this.#dtype[slot]],
      algorithm: ALGORITHM_NAMES[this.#algorithm[slot]],
      reduction: REDUCTIONS[this.#reduction[slot]],
      root: this.#root[slot],
      count: this.#count[slot],
      countsDigest: this.#countsDigest[slot],
      label: this.#label[slot],
      state: CALL_STATES[this.#state[slot]],
      queuedAt: this.#queuedAt[slot],
      beganAt: this.#beganAt[slot],
      endedAt: this.#endedAt[slot],
      bytesDone: this.#bytesDone[slot],
      bytesExpected: this.#bytesExpected[slot],
    }));
  }
}
