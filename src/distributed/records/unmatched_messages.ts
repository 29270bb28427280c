// Finds messages whose send and receive do not match, from the dumps of all ranks.
//
// Message s from rank a to rank b is a `send` on a and a `receive` on b. For every pair of ranks, the first s counts where
//   both were called, with different types or counts    -> the calls of the two ranks do not match
//   only one was called, and it has not ended            -> the other rank never made its call
// A short message that was sent but never received has finished on its sender, so it cannot be found.

import type { Dump } from "./dump.ts";
import type { MessageRecord } from "./message_recorder.ts";
import type { OutOfStep } from "./out_of_step.ts";

/** The first mismatch between every two ranks, the earliest first. */
export function findUnmatchedMessages(dumps: readonly Dump[]): OutOfStep[] {
  const groups = new Map<string, readonly number[]>();
  const halves = new Map<string, Halves>();
  for (const { rank, groups: own } of dumps) {
    for (const { id, ranks, messages } of own) {
      groups.set(id, ranks);
      for (const message of messages) {
        const [from, to] = message.op === "send" ? [rank, message.peer] : [message.peer, rank];
        const key = `${id} ${message.sequence} ${from} ${to}`;
        const known = halves.get(key) ?? { group: id, from, to, sequence: message.sequence };
        halves.set(key, { ...known, [message.op]: message });
      }
    }
  }
  const left = new Set(dumps.map(({ rank }) => rank));
  const firstOfPair = new Map<string, OutOfStep>();
  for (const each of [...halves.values()].sort((a, b) => a.sequence - b.sequence)) {
    const pair = `${each.group} ${each.from} ${each.to}`;
    const found = firstOfPair.has(pair)
      ? undefined
      : findMismatch(each, groups.get(each.group) ?? []);
    // Nothing is known of the calls of a rank without a dump.
    if (found !== undefined && (found.ranks.length > 1 || left.has(found.ranks[0]))) {
      firstOfPair.set(pair, found);
    }
  }
  return [...firstOfPair.values()].sort((a, b) => a.at - b.at);
}

/** The records of one message. */
interface Halves {
  readonly group: string;
  readonly from: number;
  readonly to: number;
  readonly sequence: number;
  readonly send?: MessageRecord;
  readonly receive?: MessageRecord;
}

function findMismatch(
  { from, to, sequence, send, receive }: Halves,
  group: readonly number[],
): OutOfStep | undefined {
  const at = Math.min(send?.queuedAt ?? Infinity, receive?.queuedAt ?? Infinity);
  const where = {
    group,
    sequence,
    at,
    what: `message ${sequence} from rank ${from} to rank ${to}`,
  };
  if (send !== undefined && receive !== undefined) {
    const isSame = send.dtype === receive.dtype && send.count === receive.count &&
      send.label === receive.label;
    if (isSame) return undefined;
    return {
      ...where,
      ranks: [from, to],
      reason: `rank ${from} sent ${describe(send)}, rank ${to} receives ${describe(receive)}`,
    };
  }
  const half = send ?? receive;
  if (half === undefined || half.state === "finished" || half.state === "queued") return undefined;
  return send === undefined
    ? { ...where, ranks: [from], reason: `rank ${from} never sent it: ${describe(half)}` }
    : { ...where, ranks: [to], reason: `rank ${to} never received it: ${describe(half)}` };
}

function describe({ count, dtype, label }: MessageRecord): string {
  return `${count} ${dtype}${label === "" ? "" : ` for "${label}"`}`;
}
