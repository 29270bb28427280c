// Runs a job on this machine: prints or logs what its ranks say, stops them when it is asked to, and reports how they ended.

import { KILLED_CODE, STOPPED_CODE } from "../distributed/launcher/exit_codes.ts";
import type { JobOptions } from "../distributed/launcher/job_options.ts";
import {
  launchLocalRanks,
  type LocalRanksResult,
  type ReportedRank,
} from "../distributed/launcher/local_ranks.ts";
import { RankLogs } from "../distributed/launcher/rank_logs.ts";
import type { RankLine } from "../distributed/launcher/rank_output.ts";
import { afterAttempt, type FailedAttempt } from "../distributed/launcher/restart_policy.ts";
import { restartVariables } from "../distributed/launcher/restart_variables.ts";
import { Interrupt } from "./interrupt.ts";
import { RankPrinter } from "./rank_printer.ts";
import { relayedText } from "./report/status_line.ts";
import { terminalVariables } from "./report/terminal.ts";

/** A job and what is done with its output. */
export interface JobRun extends Omit<JobOptions, "onLine" | "partMs"> {
  /** Milliseconds that ranks which are stopped have before they are killed. */
  readonly graceMs: number;
  /** How often the job begins again after a rank was lost. */
  readonly maxRestarts: number;
  /** Where the output goes instead of here, or besides. Default: nowhere. */
  readonly logs: { readonly folder: string; readonly isPrinted: boolean } | undefined;
}

/** Runs a job, again if ranks are lost, and returns the exit code of the launcher (launcher/exit_codes.ts). */
export async function runJob({ logs, maxRestarts, ...job }: JobRun): Promise<number> {
  using interrupt = new Interrupt();
  const printer = new RankPrinter();
  const isPrinted = logs === undefined || logs.isPrinted;
  const say = (text: string): void => {
    printer.endLine();
    console.error(text);
  };
  interrupt.signal.addEventListener("abort", () =>
    say(
      `${interrupt.signal.reason}: stopping all ranks, which have ${
        job.graceMs / 1000
      } s to save ` +
        "(--grace); Ctrl-C again ends them at once",
    ));
  const failed: FailedAttempt[] = [];
  while (true) {
    const begin = performance.now();
    const attempt = failed.length;
    using files = logs && new AttemptLogs(logs.folder, attempt, say);
    const result = await launchLocalRanks({
      ...job,
      env: {
        ...(isPrinted ? terminalVariables() : {}),
        ...job.env,
        ...restartVariables(attempt, maxRestarts),
      },
      partMs: PART_MS,
      signal: interrupt.signal,
      killSignal: interrupt.again,
      onLine: (line) => {
        files?.write(line);
        if (isPrinted) printer.print(line);
      },
    });
    const graceMs = interrupt.again.aborted ? 0 : job.graceMs;
    const { failure, isStopped } = result;
    if (failure === undefined || isStopped || maxRestarts === 0) {
      return report(result, { printer, say, graceMs });
    }
    const milliseconds = performance.now() - begin;
    failed.push({ ...failure, milliseconds });
    const next = afterAttempt(failed, maxRestarts);
    const ended = `attempt ${attempt + 1} of ${maxRestarts + 1} has ended after ${
      (milliseconds / 1000).toFixed(1)
    } s: rank ${failure.rank} failed first, with ${endOf(failure)}`;
    if (next.kind === "end") {
      say(`${ended}; no other is made, as ${next.reason}`);
      return report(result, { printer, say, graceMs });
    }
    say(`${ended}; the next begins in ${next.delayMs / 1000} s`);
    await pause(next.delayMs, interrupt.signal);
    if (interrupt.signal.aborted) {
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

interface Output {
  readonly printer: RankPrinter;
  readonly say: (text: string) => void;
}

/** The logs of an attempt. A job does not end because its output cannot be written. */
class AttemptLogs implements Disposable {
  readonly #files: RankLogs | undefined;
  readonly #failed: (error: unknown) => void;
  #isReported = false;

  constructor(folder: string, attempt: number, say: (text: string) => void) {
    this.#failed = (error) => {
      if (!this.#isReported) say(`Cannot write the logs in ${folder}: ${error}`);
      this.#isReported = true;
    };
    try {
      this.#files = new RankLogs(folder, attempt);
    } catch (error) {
      this.#failed(error);
    }
  }

  write(line: RankLine): void {
    if (relayedText(line.text) !== undefined) return;
    try {
      this.#files?.write(line);
    } catch (error) {
      this.#failed(error);
    }
  }

  [Symbol.dispose](): void {
    this.#files?.[Symbol.dispose]();
  }
}

function report(
  { outcomes, failure, isStopped, killed }: LocalRanksResult,
  { printer, say, graceMs }: Output & { readonly graceMs: number },
): number {
  const show = ({ rank, stderr }: ReportedRank, lines = stderr.length) => {
    const said = stderr.filter((text) => relayedText(text) === undefined);
    for (const text of lines === 0 ? [] : said.slice(-lines)) {
      printer.print({ rank, stream: "stderr", text });
    }
  };
  if (failure !== undefined) {
    say(
      `rank ${failure.rank} failed first, with ${endOf(failure)}; all others are stopped. It said:`,
    );
    show(failure);
    return failure.code;
  }
  if (killed.length > 0) {
    const why = graceMs === 0
      ? ""
      : ` had not ended ${graceMs / 1000} s after SIGTERM (--grace) and`;
    say(
      `${named(killed)}${why} ${
        killed.length === 1 ? "was" : "were"
      } killed: what was not saved by then is lost. Last said:`,
    );
    for (const each of killed) show(each, 1);
    return KILLED_CODE;
  }
  if (!isStopped || outcomes.every(({ code }) => code === 0)) return 0;
  say("interrupted: all ranks are stopped");
  return STOPPED_CODE;
}

function named(ranks: readonly ReportedRank[]): string {
  return `rank${ranks.length === 1 ? "" : "s"} ${ranks.map(({ rank }) => rank).join(", ")}`;
}

function endOf({ code, signal }: ReportedRank): string {
  return signal === null ? `code ${code}` : signal;
}

/** A question or a progress bar is shown at once, as people see it. */
const PART_MS = 100;
