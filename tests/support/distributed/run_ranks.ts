// Runs ranks as independent processes and collects their output and exit codes.

import {
  type RankOutcome,
  type RankProcess,
  startRanks,
} from "../../../src/distributed/launcher/rank_process.ts";

/** Options of `runRanks`. */
export interface RunRanksOptions {
  readonly ranks: number;
  /** URL of the program. */
  readonly script: URL;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Address of rank 0. Default: 127.0.0.1. */
  readonly host?: string;
  /** Prefix of a rank's command. Default: none. */
  readonly before?: (rank: number) => readonly string[];
  /** Called with every line that a rank writes to stdout; may send signals to any rank. */
  readonly onLine?: (rank: number, text: string, processes: readonly RankProcess[]) => void;
}

/** How a rank exited and its output. */
export interface RankRun extends RankOutcome {
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

/** Runs a program as several ranks and returns how each exited, by rank. */
export async function runRanks(options: RunRanksOptions): Promise<RankRun[]> {
  const { ranks, script, onLine } = options;
  const written = Array.from({ length: ranks }, () => ({
    stdout: new Array<string>(),
    stderr: new Array<string>(),
  }));
  const processes = startRanks({
    ranks,
    script: script.href,
    args: options.args ?? [],
    env: options.env ?? {},
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.before === undefined ? {} : { before: options.before }),
    onLine: ({ rank, stream, text }) => {
      written[rank][stream].push(text);
      if (stream === "stdout") onLine?.(rank, text, processes);
    },
  });
  const outcomes = await Promise.all(processes.map(({ ended }) => ended));
  return outcomes.map((outcome) => ({ ...outcome, ...written[outcome.rank] }));
}
