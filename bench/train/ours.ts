// Our ranks, as a contestant.

import { Contestant } from "../collectives/contestant.ts";
import { startScript } from "../collectives/ours.ts";
import type { Job } from "./request.ts";

/** Starts the ranks of a job. @throws {Error} if a rank ends, or not all come in time */
export function startOurs(job: Job, signal: AbortSignal): Promise<Contestant> {
  const ranks = job.tensor * job.zero;
  return Contestant.start({
    name: "meshfactor",
    ranks,
    signal,
    start: ({ port, token }) =>
      startScript({
        ranks,
        cores: "any",
        script: new URL("./rank.ts", import.meta.url),
        args: [`${port}`, token, JSON.stringify(job)],
      }),
  });
}
