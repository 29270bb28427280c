// Our own ranks, as a contestant: processes of this machine.

import type { AlgorithmOptions } from "../../src/distributed/calls/algorithm_table.ts";
import { pinned } from "../../src/distributed/launcher/cores.ts";
import { startRanks } from "../../src/distributed/launcher/rank_process.ts";
import { Contestant, type Processes } from "./contestant.ts";
import type { Options } from "./options.ts";
import type { Transport } from "./sockets.ts";

/** One way to run our ranks. */
export interface Variant {
  readonly transport: Transport;
  /** Tables of algorithms by collective; the default where there is none. */
  readonly algorithms: AlgorithmOptions;
}

/** Starts `ranks` processes of rank.ts. @throws {Error} if a rank ends, or not all come in time. */
export function startOurs(
  ranks: number,
  { transport, algorithms, cores, signal }:
    & Variant
    & Pick<Options, "cores">
    & { readonly signal: AbortSignal },
): Promise<Contestant> {
  return Contestant.start({
    name: "meshfactor",
    ranks,
    signal,
    start: ({ port, token }) =>
      startScript({
        ranks,
        cores,
        script: new URL("./rank.ts", import.meta.url),
        args: [`${port}`, token, transport, JSON.stringify(algorithms)],
      }),
  });
}

/** Starts a script of this folder as `ranks` ranks. */
export function startScript(
  { ranks, cores, script, args }: Pick<Options, "cores"> & {
    readonly ranks: number;
    readonly script: URL;
    readonly args: readonly string[];
  },
): Processes {
  const stderr: string[] = [];
  const processes = startRanks({
    ranks,
    script: script.href,
    args,
    ...(cores === "own" ? { before: (rank: number) => pinned(rank, ranks) } : {}),
    onLine: ({ rank, stream, text }) => {
      if (stream === "stderr") stderr.push(`[rank ${rank}] ${text}`);
    },
  });
  const ended = Promise.race(processes.map((each) => each.ended)).then(({ rank, code, signal }) =>
    [`rank ${rank} ended with ${signal ?? `code ${code}`}`, ...stderr.slice(-KEPT_LINES)].join(
      "\n  ",
    )
  );
  return {
    ended,
    async stop() {
      for (const each of processes) each.kill("SIGKILL");
      await Promise.all(processes.map((each) => each.ended));
    },
  };
}

const KEPT_LINES = 20;
