// Exit codes by which ranks, the launcher and who started it understand each other:
//
//   0        every rank has ended well
//   2        wrong arguments
//   130      stopped by a signal, as was asked: what there was to save is saved
//   137      stopped, but a rank had not ended within the grace and was killed
//   128 + n  signal n ended the rank that failed first
//   others   the code of the rank that failed first

/** How a process ended. */
export interface ExitStatus {
  readonly code: number;
  /** The signal that ended it, if one did. */
  readonly signal: Deno.Signal | null;
}

/** Exit code of what was stopped by a signal and has saved what there was to save. */
export const STOPPED_CODE = 130;
/** Exit code of a job that was stopped, and in which a rank had to be killed. */
export const KILLED_CODE = 137;

/** The signals that ask a process to stop. SIGUSR1 is none: it opens Deno's inspector. */
export const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** Whether a process ended because it was asked to stop: in its own way, or by a stop signal that it had not yet listened to. */
export function wasStopped({ code, signal }: ExitStatus): boolean {
  // Shells, and Deno at some signals, end with such a code themselves.
  return signal === null ? STOPPED_CODES.includes(code) : STOP_SIGNALS.includes(signal);
}

/** 128 + the number of each stop signal. */
const STOPPED_CODES = [129, STOPPED_CODE, 131, 143];
