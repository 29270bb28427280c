// What an optimizer moves over the wire, counted by its groups.

import type { ProcessGroup } from "../../distributed/group.ts";

/** What a call moved over the wire, on this rank. */
export interface StepTraffic {
  /** Collectives, over all groups. */
  readonly collectives: number;
  /** Bytes sent, headers included. */
  readonly bytesSent: number;
  /** Bytes received, headers included. */
  readonly bytesReceived: number;
}

/** Nothing. */
export const NO_TRAFFIC: StepTraffic = { collectives: 0, bytesSent: 0, bytesReceived: 0 };

/** What `work` moves over the groups. */
export async function trafficDuring(
  groups: readonly ProcessGroup[],
  work: () => Promise<void>,
): Promise<StepTraffic> {
  const before = trafficOf(groups);
  await work();
  const after = trafficOf(groups);
  return {
    collectives: after.collectives - before.collectives,
    bytesSent: after.bytesSent - before.bytesSent,
    bytesReceived: after.bytesReceived - before.bytesReceived,
  };
}

function trafficOf(groups: readonly ProcessGroup[]): StepTraffic {
  const total = { collectives: 0, bytesSent: 0, bytesReceived: 0 };
  for (const { counters } of groups) {
    total.collectives += counters.collectives;
    total.bytesSent += counters.bytesSent;
    total.bytesReceived += counters.bytesReceived;
  }
  return total;
}
