// Runs a job whose ranks are all on this machine, or this host's share of one that never begins again.

import { STOPPED_CODE } from "../distributed/launcher/exit_codes.ts";
import type { JobOptions } from "../distributed/launcher/job_options.ts";
import { launchLocalRanks } from "../distributed/launcher/local_ranks.ts";
import { afterAttempt, type FailedAttempt } from "../distributed/launcher/restart_policy.ts";
import { restartVariables } from "../distributed/launcher/restart_variables.ts";
import { Interrupt } from "./interrupt.ts";
import { endOf, JobOutput, type LogOptions, PART_MS, stopText } from "./job_output.ts";

/** A job and what is done with its output. */
export interface JobRun extends Omit<JobOptions, "onLine" | "partMs"> {
  /** Milliseconds that ranks which are stopped have before they are killed. */
  readonly graceMs: number;
  /** How often the job begins again after a rank was lost. */
  readonly maxRestarts: number;
  readonly logs: LogOptions;
}

/** Runs a job, again if ranks are lost, and returns the exit code of the launcher (launcher/exit_codes.ts). */
export async function runJob({ logs, maxRestarts, ...job }: JobRun): Promise<number> {
  using interrupt = new Interrupt();
  const { signal, again: killSignal } = interrupt;
  const output = new JobOutput(logs);
  const { say } = output;
  signal.addEventListener("abort", () => say(stopText(signal.reason, job.graceMs)));
  const failed: FailedAttempt[] = [];
  while (true) {
    const begin = performance.now();
    const attempt = failed.length;
    using attemptOutput = output.attempt(attempt);
    const { onLine } = attemptOutput;
    const env = { ...output.variables, ...job.env, ...restartVariables(attempt, maxRestarts) };
    const result = await launchLocalRanks({
      ...job,
      env,
      partMs: PART_MS,
      signal,
      killSignal,
      onLine,
    });
    const report = () => output.report(result, killSignal.aborted ? 0 : job.graceMs);
    const { failure, isStopped } = result;
    if (failure === undefined || isStopped || maxRestarts === 0) return report();
    const milliseconds = performance.now() - begin;
    failed.push({ ...failure, milliseconds });
    const next = afterAttempt(failed, maxRestarts);
    const ended = `attempt ${attempt + 1} of ${maxRestarts + 1} has ended after ${
      (milliseconds / 1000).toFixed(1)
    } s: rank ${failure.rank} failed first, with ${endOf(failure)}`;
    if (next.kind === "end") {
      say(`${ended}; no other is made, as ${next.reason}`);
      return report();
    }
    say(`${ended}; the next begins in ${next.delayMs / 1000} s`);
    await pause(next.delayMs, signal);
    if (signal.aborted) {
      say("interrupted: all ranks are stopped");
      return STOPPED_CODE;
    }
  }
}

/** Resolves after a time, or when the signal is aborted. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
  });
}
