// Starts ranks as processes of this machine, with the environment that launchFromEnv() reads.

import { randomSecret } from "../wire/secret.ts";
import type { ExitStatus } from "./exit_codes.ts";
import { freePort } from "./free_port.ts";
import { type JobOptions, requireJob } from "./job_options.ts";
import { LAUNCHER_VARIABLE } from "./launcher_watch.ts";
import { permissionsFor } from "./program_permissions.ts";
import { LineSplitter, OutputReader } from "./rank_output.ts";

/** A rank's exit status. */
export interface RankOutcome extends ExitStatus {
  readonly rank: number;
}

/** A rank's process. */
export interface RankProcess {
  readonly rank: number;
  /** Sends a signal; does nothing if the process has exited. */
  kill(signal: Deno.Signal): void;
  /** Resolves when the process has exited. */
  readonly exited: Promise<RankOutcome>;
  /** Resolves when, besides, all its lines have been passed to `onLine`. Processes that it has started are not waited for. */
  readonly ended: Promise<RankOutcome>;
}

/**
 * Starts a program as `ranks` processes, which run independently, but no longer than this process.
 *
 * @throws as `requireJob`.
 */
export function startRanks(options: JobOptions): readonly RankProcess[] {
  requireJob(options);
  const job = {
    ...options,
    nodes: options.nodes ?? 1,
    node: options.node ?? 0,
    host: options.host ?? "127.0.0.1",
    port: options.port ?? freePort(),
    secret: options.secret || randomSecret(),
  };
  return Array.from({ length: options.ranks }, (_, localRank) => startRank(localRank, job));
}

type Job = JobOptions & Required<Pick<JobOptions, "nodes" | "node" | "host" | "port" | "secret">>;

function startRank(localRank: number, job: Job): RankProcess {
  const rank = job.node * job.ranks + localRank;
  const run = ["run", "--quiet", ...permissionsFor(job.script), job.script, ...job.args ?? []];
  const [command, ...args] = [...job.before?.(rank) ?? [], Deno.execPath(), ...run];
  const child = new Deno.Command(command, {
    args,
    env: {
      // Mesa's Vulkan drivers complain on stderr where it is not set.
      ...(Deno.env.get("XDG_RUNTIME_DIR") ? {} : { XDG_RUNTIME_DIR: temporaryFolder() }),
      ...job.env,
      RANK: String(rank),
      LOCAL_RANK: String(localRank),
      WORLD_SIZE: String(job.nodes * job.ranks),
      MASTER_ADDR: job.host,
      MASTER_PORT: String(job.port),
      MESHFACTOR_SECRET: job.secret,
      [LAUNCHER_VARIABLE]: String(Deno.pid),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const outputs = (["stdout", "stderr"] as const).map((stream) =>
    new OutputReader(
      child[stream],
      new LineSplitter(
        (text, isPart) => job.onLine({ rank, stream, text, ...(isPart ? { isPart } : {}) }),
        job.partMs,
      ),
    )
  );
  const exited = child.status.then(({ code, signal }) => ({ rank, code, signal }));
  const ended = exited.then(async (outcome) => {
    await Promise.all(outputs.map((output) => output.finish()));
    return outcome;
  });
  const kill = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has exited.
    }
  };
  return { rank, kill, exited, ended };
}

function temporaryFolder(): string {
  return Deno.env.get("TMPDIR") || Deno.env.get("TEMP") || "/tmp";
}
