// The variables by which a program knows that its job began again: ours, and those of torchrun, which are set to the same.

import type { Environment } from "./launcher_variables.ts";

/** The variables of attempt `attempt`, from 0. */
export function restartVariables(attempt: number, maxRestarts: number): Record<string, string> {
  return {
    MESHFACTOR_RESTART_COUNT: String(attempt),
    TORCHELASTIC_RESTART_COUNT: String(attempt),
    TORCHELASTIC_MAX_RESTARTS: String(maxRestarts),
  };
}

/** How often the launcher has started this job again: 0 the first time, or without a launcher that does. */
export function restartCount(env: Environment): number {
  const text = env.get("MESHFACTOR_RESTART_COUNT") || env.get("TORCHELASTIC_RESTART_COUNT") || "0";
  if (!/^\d+$/.test(text)) {
    throw new TypeError(`MESHFACTOR_RESTART_COUNT must be a whole number, got "${text}"`);
  }
  return Number(text);
}
