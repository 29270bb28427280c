// What a job shows: the lines of its ranks, on the screen or in files, what the launcher says, and how the ranks ended.

import { KILLED_CODE, STOPPED_CODE } from "../distributed/launcher/exit_codes.ts";
import type { LocalRanksResult, ReportedRank } from "../distributed/launcher/local_ranks.ts";
import { RankLogs } from "../distributed/launcher/rank_logs.ts";
import type { RankLine } from "../distributed/launcher/rank_output.ts";
import { RankPrinter } from "./rank_printer.ts";
import { relayedText } from "./report/status_line.ts";
import { terminalVariables } from "./report/terminal.ts";

/** Where the output goes instead of here, or besides; undefined: only here. */
export type LogOptions = { readonly folder: string; readonly isPrinted: boolean } | undefined;

/** The output of a job. */
export class JobOutput {
  readonly #printer = new RankPrinter();
  readonly #logs: LogOptions;
  readonly #isPrinted: boolean;

  /** Writes nothing yet. */
  constructor(logs: LogOptions) {
    this.#logs = logs;
    this.#isPrinted = logs === undefined || logs.isPrinted;
  }

  /** Says something of the launcher itself, on a line of its own. */
  readonly say = (text: string): void => {
    this.#printer.endLine();
    console.error(text);
  };

  /** Variables by which ranks know the terminal that their output goes to. */
  get variables(): Readonly<Record<string, string>> {
    return this.#isPrinted ? terminalVariables() : {};
  }

  /** The output of one attempt. */
  attempt(attempt: number): AttemptOutput {
    const files = this.#logs && new AttemptLogs(this.#logs.folder, attempt, this.say);
    return {
      onLine: (line) => {
        files?.write(line);
        if (this.#isPrinted) this.#printer.print(line);
      },
      [Symbol.dispose]: () => files?.[Symbol.dispose](),
    };
  }

  /** Says how the ranks ended, and returns the exit code of the launcher. */
  report(
    { outcomes, failure, isStopped, killed }: LocalRanksResult,
    graceMs: number,
  ): number {
    if (failure !== undefined) {
      const how = endOf(failure);
      this.say(`rank ${failure.rank} failed first, with ${how}; all others are stopped. It said:`);
      this.#show(failure);
      return failure.code;
    }
    if (killed.length > 0) {
      const why = graceMs === 0
        ? ""
        : ` had not ended ${graceMs / 1000} s after SIGTERM (--grace) and`;
      this.say(
        `${named(killed)}${why} ${
          killed.length === 1 ? "was" : "were"
        } killed: what was not saved by then is lost. Last said:`,
      );
      for (const each of killed) this.#show(each, 1);
      return KILLED_CODE;
    }
    if (!isStopped || outcomes.every(({ code }) => code === 0)) return 0;
    this.say("interrupted: all ranks are stopped");
    return STOPPED_CODE;
  }

  #show({ rank, stderr }: ReportedRank, lines = stderr.length): void {
    const said = stderr.filter((text) => relayedText(text) === undefined);
    for (const text of lines === 0 ? [] : said.slice(-lines)) {
      this.#printer.print({ rank, stream: "stderr", text });
    }
  }
}

/** The output of one attempt. */
export interface AttemptOutput extends Disposable {
  readonly onLine: (line: RankLine) => void;
}

/** What the launcher says when it is asked to stop. */
export function stopText(signal: unknown, graceMs: number): string {
  return `${signal}: stopping all ranks, which have ${graceMs / 1000} s to save (--grace); ` +
    "Ctrl-C again ends them at once";
}

/** `code 3`, or the name of the signal that ended a rank. */
export function endOf({ code, signal }: Pick<ReportedRank, "code" | "signal">): string {
  return signal === null ? `code ${code}` : signal;
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

function named(ranks: readonly ReportedRank[]): string {
  return `rank${ranks.length === 1 ? "" : "s"} ${ranks.map(({ rank }) => rank).join(", ")}`;
}

/** A question or a progress bar is shown at once, as people see it. */
export const PART_MS = 100;
