// Our own ranks, as a contestant: processes of this machine.

import { startRanks } from "../../src/dist/local_ranks.ts";
import { Contestant, type Processes } from "./contestant.ts";

/** Starts `ranks` processes of rank.ts. @throws {Error} if a rank ends, or not all come in time. */
export function startOurs(ranks: number, signal: AbortSignal): Promise<Contestant> {
  return Contestant.start({
    name: "meshfactor",
    ranks,
    signal,
    start: ({ port, token }) =>
      startScript({
        ranks,
        script: new URL("./rank.ts", import.meta.url),
        args: [`${port}`, token],
      }),
  });
}

/** Starts a script of this folder as `ranks` ranks; `onLine` is told what they write to stdout. */
export function startScript(
  { ranks, script, args, onLine }: {
    readonly ranks: number;
    readonly script: URL;
    readonly args: readonly string[];
    readonly onLine?: (text: string) => void;
  },
): Processes {
  const stderr: string[] = [];
  const processes = startRanks({
    ranks,
    script: script.href,
    args,
    onLine: ({ rank, stream, text }) => {
      if (stream === "stderr") stderr.push(`[rank ${rank}] ${text}`);
      else onLine?.(text);
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
