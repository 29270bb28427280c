/**
 * The launcher: starts N local ranks of one program, prefixes their output, and reports the first failure at the end.
 *
 * ```sh
 * deno run -P=train src/cli/launch.ts --ranks 4 examples/hands_on.ts --steps 100
 * ```
 *
 * On a cluster, start it once on each host, with the same MESHFACTOR_SECRET and the host's own --node:
 *
 * ```sh
 * launch.ts --nodes 2 --node 0 --ranks 4 --master-addr 10.0.0.1 --master-port 29500 --interface eth1 program.ts
 * ```
 *
 * @module
 */

import { Command, InvalidArgumentError, Option } from "commander";
import { parsePorts } from "../distributed/wire/listener.ts";
import { kubeflowFlags } from "../distributed/launcher/kubeflow_variables.ts";
import { INTEGRITIES } from "../distributed/wire/session.ts";
import { allowedCores, pinned } from "../distributed/launcher/cores.ts";
import { RankLogs } from "../distributed/launcher/rank_logs.ts";
import { addressOfInterface } from "../distributed/membership/world_options.ts";
import { requireJob } from "../distributed/launcher/job_options.ts";
import { secondsToWait } from "./flag_values.ts";
import { dropLostOutput } from "./lost_output.ts";
import { runJob } from "./run_job.ts";
import { runJobOnHosts } from "./run_job_on_hosts.ts";
import { endAfterUsage, parseFlags, USAGE_CODE } from "./usage.ts";

/**
 * Runs the launcher and returns its exit code (launcher/exit_codes.ts). Wrong arguments end the process with 2.
 */
export async function main(args: readonly string[]): Promise<number> {
  dropLostOutput();
  const program = new Command("launch")
    .description("Starts several ranks of a program on this machine.")
    .usage("--ranks <number> [options] <script> [arguments of the script...]")
    .option("--ranks <number>", "number of ranks to start", positiveInteger)
    .option(
      "--nodes <number>",
      "number of hosts, each with as many ranks; MIN:MAX goes on with fewer when hosts are lost (default: 1)",
      numberOfHosts,
    )
    .option(
      "--node <number>",
      "index of this host, from 0; with MIN:MAX needed for the first host only, which is at --master-addr",
      wholeNumber,
    )
    .option(
      "--last-call <seconds>",
      "with MIN:MAX: how long MIN hosts wait for others before each attempt",
      secondsToWait,
      30,
    )
    .option("--master-addr <address>", "address of rank 0 (default: 127.0.0.1)")
    .option("--master-port <port>", "port of rank 0 (default: a free one)", portNumber)
    .option("--ports <range>", "ports of the other ranks, such as 29501-29599", portRange)
    .addOption(
      new Option("--bind <address>", "address that ranks listen on (default: 127.0.0.1)")
        .conflicts("interface"),
    )
    .option("--interface <name>", "network interface whose address ranks listen on", ownInterface)
    .option("--advertise <address>", "address that other hosts reach this one by")
    .addOption(
      new Option("--same-host <transport>", "connection between ranks of one host (default: unix)")
        .choices(["unix", "tcp"]),
    )
    .addOption(
      new Option("--integrity <kind>", "sums that follow bytes over plain TCP (default: keyed)")
        .choices(INTEGRITIES),
    )
    .option("--pin", "pin each rank to CPU cores of its own (Linux)")
    .option(
      "--grace <seconds>",
      "how long ranks that are stopped have to save, before they are killed",
      secondsToWait,
      30,
    )
    .option(
      "--max-restarts <number>",
      "how often all ranks are started again after one was lost",
      wholeNumber,
      0,
    )
    .option("--log-dir <folder>", "write the output of each rank into files there, not here")
    .option("--tee", "with --log-dir: print the output here, too", false)
    .option("--dump <folder>", "where ranks write their last calls if the job fails")
    .argument("<script>", "the program, which calls launchFromEnv()")
    .argument("[args...]", "arguments of the program")
    .passThroughOptions()
    .addHelpText("after", SIGNALS_AND_CODES)
    .showHelpAfterError("(--help explains the options)")
    .exitOverride(endAfterUsage);
  parseFlags(program, [...kubeflowFlags(Deno.env), ...args], { "--ranks": "how many to start" });
  const [script, ...rest] = program.args;
  const { ranks, nodes, node, masterAddr, masterPort, pin, ...options } = program.opts<
    NodeOptions & RankOptions
  >();
  const { grace, maxRestarts, logDir, tee, lastCall, ...rankOptions } = options;
  const isElastic = nodes !== undefined &&
    (nodes.min < nodes.max || (nodes.max > 1 && maxRestarts > 0));
  const secret = Deno.env.get("MESHFACTOR_SECRET");
  const job = {
    ranks,
    ...(nodes === undefined ? {} : { nodes: nodes.max }),
    ...(node === undefined ? {} : { node }),
    ...(masterAddr === undefined ? {} : { host: masterAddr }),
    ...(masterPort === undefined ? {} : { port: masterPort }),
    ...(secret ? { secret } : {}),
  };
  try {
    requireJob(job);
    if (isElastic && masterPort === 65535) {
      throw new RangeError(
        "--master-port is at most 65534 here, as rank 0 listens on the port after it",
      );
    }
    if (pin) allowedCores();
    if (tee && logDir === undefined) throw new TypeError("--tee needs --log-dir");
    if (logDir !== undefined) new RankLogs(logDir, 0)[Symbol.dispose]();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    program.error(`error: ${text}`, { exitCode: USAGE_CODE });
  }
  const run = {
    ...job,
    script,
    args: rest,
    ...(pin ? { before: (rank: number) => pinned(rank % ranks, ranks) } : {}),
    env: variablesFor(rankOptions),
    graceMs: 1000 * grace,
    maxRestarts,
    logs: logDir === undefined ? undefined : { folder: logDir, isPrinted: tee },
  };
  const { host, port } = job;
  if (!isElastic || host === undefined || port === undefined || !secret) return await runJob(run);
  const { bind = host, interface: name } = rankOptions;
  return await runJobOnHosts({
    ...run,
    nodes,
    host,
    port,
    secret,
    bind: name === undefined ? bind : addressOfInterface(name),
    lastCallMs: 1000 * lastCall,
    timeoutMs: JOIN_TIMEOUT_MS,
  });
}

/** Options of the launcher itself. */
interface NodeOptions {
  readonly ranks: number;
  readonly nodes?: { readonly min: number; readonly max: number };
  readonly node?: number;
  readonly lastCall: number;
  readonly masterAddr?: string;
  readonly masterPort?: number;
  readonly pin?: boolean;
  readonly grace: number;
  readonly maxRestarts: number;
  readonly logDir?: string;
  readonly tee: boolean;
}

/** Options for the ranks, which reach launchFromEnv() as environment variables. */
type RankOptions = { readonly [Flag in keyof typeof VARIABLES]?: string };

function variablesFor(options: RankOptions): Record<string, string> {
  const given = Object.entries(VARIABLES).flatMap(([flag, variable]) => {
    const value = new Map(Object.entries(options)).get(flag);
    return value === undefined ? [] : [[variable, value]];
  });
  return Object.fromEntries(given);
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError("A positive integer is needed.");
  }
  return value;
}

/** `2`, or `1:4`. */
function numberOfHosts(text: string): { readonly min: number; readonly max: number } {
  const [min, max = min] = text.split(":").map(positiveInteger);
  if (min > max || text.split(":").length > 2) {
    throw new InvalidArgumentError("A number, or the least and the most as MIN:MAX, are needed.");
  }
  return { min, max };
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("A whole number is needed.");
  return Number(text);
}

function portRange(text: string): string {
  return checked(text, parsePorts);
}

function ownInterface(text: string): string {
  return checked(text, addressOfInterface);
}

/** Returns the text if `parse` accepts it. */
function checked(text: string, parse: (text: string) => unknown): string {
  try {
    parse(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : String(error));
  }
}

function portNumber(text: string): number {
  const value = positiveInteger(text);
  if (value > 65535) throw new InvalidArgumentError("A port is at most 65535.");
  return value;
}

const SIGNALS_AND_CODES = `
Ctrl-C, SIGTERM, SIGHUP or SIGQUIT stop all ranks: they get SIGTERM, save, and have --grace seconds for it; Ctrl-C again ends them at
once.

Exit codes:
  0      every rank has ended well
  2      wrong arguments
  130    stopped as was asked
  137    stopped, but a rank was killed at the end of the grace, or at once
  other  the code of the rank that failed first: 128 + n if signal n ended it`;

/** How long a launcher looks for that of the first host. */
const JOIN_TIMEOUT_MS = 600_000;

/** The environment variables that pass the flags to launchFromEnv(). */
const VARIABLES = {
  ports: "MESHFACTOR_PORTS",
  bind: "MESHFACTOR_BIND",
  interface: "MESHFACTOR_INTERFACE",
  advertise: "MESHFACTOR_ADVERTISE",
  sameHost: "MESHFACTOR_SAME_HOST",
  integrity: "MESHFACTOR_INTEGRITY",
  dump: "MESHFACTOR_DUMP",
} as const;

if (import.meta.main) Deno.exit(await main(Deno.args));
