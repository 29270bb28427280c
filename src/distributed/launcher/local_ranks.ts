// Runs ranks as processes of this machine until all have ended, and stops all of them when one fails or is stopped.
//
//   a rank fails               the others may end by themselves (SETTLE_MS); then SIGTERM, and SIGKILL after the grace
//   a rank is stopped          as above: it has saved together with the others, or could not
//   the launcher is stopped    SIGTERM at once, and SIGKILL after the grace
//
// A rank is taken to have ended when its process has, whoever still holds its pipes.

import { wasStopped } from "./exit_codes.ts";
import type { JobOptions } from "./job_options.ts";
import { OutputTail } from "./rank_output.ts";
import { type RankOutcome, type RankProcess, startRanks } from "./rank_process.ts";

/** Options of `launchLocalRanks`. */
export interface LocalRanksOptions extends JobOptions {
  /** Milliseconds between SIGTERM and SIGKILL. Default: 30 000. */
  readonly graceMs?: number;
  /** Stops all ranks. */
  readonly signal?: AbortSignal;
  /** Kills all ranks at once. */
  readonly killSignal?: AbortSignal;
}

/** How a rank ended, with the end of its stderr. */
export interface ReportedRank extends RankOutcome {
  readonly stderr: readonly string[];
}

/** How all local ranks ended. */
export interface LocalRanksResult {
  /** By rank. */
  readonly outcomes: readonly RankOutcome[];
  /** The rank that caused the failure; undefined if none failed. */
  readonly failure: ReportedRank | undefined;
  /** Whether they were stopped: by `signal`, or by a signal to one of them. */
  readonly isStopped: boolean;
  /** Ranks that had not ended within the grace, and were killed. */
  readonly killed: readonly ReportedRank[];
}

/**
 * Runs a program as `ranks` processes and waits until all have exited. When the first one fails, or `signal` fires, the
 * others are stopped. The failure of a rank that only reports a lost peer is not taken for the cause.
 *
 * @throws as `requireJob`.
 */
export async function launchLocalRanks(options: LocalRanksOptions): Promise<LocalRanksResult> {
  const tails = new Map<number, OutputTail>();
  const reported = (outcome: RankOutcome): ReportedRank => ({
    ...outcome,
    stderr: tails.get(outcome.rank)?.lines ?? [],
  });
  const processes = startRanks({
    ...options,
    onLine: (line) => {
      if (line.stream === "stderr") tailOf(tails, line.rank).add(line);
      options.onLine(line);
    },
  });
  const end = new Ending(processes, options.graceMs ?? GRACE_MS);
  const stop = () => end.stop();
  const kill = () => end.kill();
  if (options.signal?.aborted) end.stop();
  options.signal?.addEventListener("abort", stop);
  options.killSignal?.addEventListener("abort", kill);
  /** Those that were not ended by this function, in the order of their ends. */
  const ownEnds: RankOutcome[] = [];
  const isAsked = () => options.signal?.aborted ?? false;
  try {
    const outcomes = await Promise.all(processes.map(async ({ exited, ended }) => {
      const outcome = await exited;
      if (outcome.code !== 0) {
        if (!end.wasKilled(outcome.rank) && (!end.isStopping || isAsked())) ownEnds.push(outcome);
        end.stopSoon();
      }
      return await ended;
    }));
    const isStopped = isAsked() || ownEnds.some(wasStopped);
    const reportsPeer = ({ rank }: RankOutcome) =>
      tails.get(rank)?.lines.some((text) => text.includes("PeerLostError")) ?? false;
    const failure = ownEnds.find((each) => !wasStopped(each) && !reportsPeer(each)) ??
      // Where some were stopped, others have lost them as peers.
      (isStopped ? undefined : ownEnds[0]);
    return {
      outcomes,
      failure: failure && reported(failure),
      isStopped,
      killed: outcomes.filter(({ rank }) => end.wasKilled(rank)).map(reported),
    };
  } finally {
    end[Symbol.dispose]();
    options.signal?.removeEventListener("abort", stop);
    options.killSignal?.removeEventListener("abort", kill);
  }
}

/** Ends all ranks: SIGTERM, and SIGKILL after the grace. */
class Ending implements Disposable {
  readonly #processes: readonly RankProcess[];
  readonly #graceMs: number;
  readonly #left: Set<RankProcess>;
  readonly #killed = new Set<number>();
  #settling: ReturnType<typeof setTimeout> | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #isStopping = false;

  constructor(processes: readonly RankProcess[], graceMs: number) {
    this.#processes = processes;
    this.#graceMs = graceMs;
    this.#left = new Set(processes);
    for (const process of processes) void process.exited.then(() => this.#left.delete(process));
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Whether this rank was killed as it had not ended. */
  wasKilled(rank: number): boolean {
    return this.#killed.has(rank);
  }

  /** Stops ranks that do not end by themselves: a rank may exit just before the peer that caused its failure. */
  stopSoon(): void {
    this.#settling ??= setTimeout(() => this.stop(), SETTLE_MS);
  }

  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    for (const process of this.#processes) process.kill("SIGTERM");
    this.#grace = setTimeout(() => this.kill(), this.#graceMs);
  }

  kill(): void {
    this.#isStopping = true;
    for (const process of this.#left) {
      this.#killed.add(process.rank);
      process.kill("SIGKILL");
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#settling);
    clearTimeout(this.#grace);
  }
}

function tailOf(tails: Map<number, OutputTail>, rank: number): OutputTail {
  const tail = tails.get(rank) ?? new OutputTail();
  tails.set(rank, tail);
  return tail;
}

const GRACE_MS = 30_000;
/** Time for other ranks to end on their own. */
const SETTLE_MS = 300;
