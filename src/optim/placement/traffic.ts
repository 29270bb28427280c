// The communication of an optimizer, as its groups count it.

import type { ProcessGroup } from "../../distributed/group.ts";

/**
 * The communication of one call, on this rank.
 *
 * @category Optimizers
 */
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

/** The communication over `groups` during `work`. */
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
