// The states and times that records of collectives and of messages share.

/**
 * The state of a call.
 *
 * @category Distributed
 */
export type CallState = "queued" | "running" | "finished" | "failed";

/** Every state. */
export const CALL_STATES: readonly CallState[] = ["queued", "running", "finished", "failed"];

/** The time as records state it, in milliseconds since 1970. */
export function recordedTime(): number {
  return performance.timeOrigin + performance.now();
}
