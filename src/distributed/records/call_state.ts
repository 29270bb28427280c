// How far a recorded call has come, and when: what records of collectives and of messages share.

/** How far a call has come. */
export type CallState = "queued" | "running" | "finished" | "failed";

/** Every state. */
export const CALL_STATES: readonly CallState[] = ["queued", "running", "finished", "failed"];

/** The time as records state it, in milliseconds since 1970. */
export function recordedTime(): number {
  return performance.timeOrigin + performance.now();
}
