// Which message has no other half, from what all ranks have left behind.
//
// Message s from rank a to rank b is a `send` on a and a `receive` on b. Of every two ranks the first s tells:
//   both halves are there, with another type or count   -> the two ranks do not mean the same message
//   only one half is there, and it has not ended         -> the rank of the other half never made the call
// A short message that was sent and is never received has ended well on its sender, so it says nothing.

import type { Dump } from "./dump.ts";
import type { MessageRecord } from "./message_recorder.ts";
import type { OutOfStep } from "./out_of_step.ts";

/** Every first message between two ranks that is out of step, the earliest first. */
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
    // Of a rank that has left nothing behind, nothing is known to be missing.
    if (found !== undefined && (found.ranks.length > 1 || left.has(found.ranks[0]))) {
      firstOfPair.set(pair, found);
    }
  }
  return [...firstOfPair.values()].sort((a, b) => a.at - b.at);
}

/** What is known of one message. */
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
    if (send.dtype === receive.dtype && send.count === receive.count) return undefined;
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

function describe({ count, dtype }: MessageRecord): string {
  return `${count} ${dtype}`;
}
