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
import { allowedCores, pinned } from "../distributed/launcher/cores.ts";
import { addressOfInterface } from "../distributed/membership/world_options.ts";
import {
  launchLocalRanks,
  type RankLine,
  requireJob,
} from "../distributed/launcher/local_ranks.ts";
import { Interrupt } from "./interrupt.ts";
import { endAfterUsage, USAGE_CODE } from "./usage.ts";

/**
 * Runs the launcher and returns its exit code: 0, the code of the rank that failed first, or 130 after Ctrl-C. Wrong
 * arguments end the process with 2.
 */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command("launch")
    .description("Starts several ranks of a program on this machine.")
    .usage("--ranks <number> [options] <script> [arguments of the script...]")
    .requiredOption("--ranks <number>", "number of ranks to start", positiveInteger)
    .option(
      "--nodes <number>",
      "number of hosts, each with as many ranks (default: 1)",
      positiveInteger,
    )
    .option("--node <number>", "index of this host, from 0", wholeNumber)
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
    .option("--pin", "pin each rank to CPU cores of its own (Linux)")
    .option("--dump <folder>", "where ranks write their last calls if the job fails")
    .argument("<script>", "the program, which calls launchFromEnv()")
    .argument("[args...]", "arguments of the program")
    .passThroughOptions()
    .showHelpAfterError("(--help explains the options)")
    .exitOverride(endAfterUsage);
  program.parse([...kubeflowFlags(Deno.env), ...args], { from: "user" });
  const [script, ...rest] = program.args;
  const { ranks, nodes, node, masterAddr, masterPort, pin, ...rankOptions } = program.opts<
    NodeOptions & RankOptions
  >();
  const secret = Deno.env.get("MESHFACTOR_SECRET");
  const job = {
    ranks,
    ...(nodes === undefined ? {} : { nodes }),
    ...(node === undefined ? {} : { node }),
    ...(masterAddr === undefined ? {} : { host: masterAddr }),
    ...(masterPort === undefined ? {} : { port: masterPort }),
    ...(secret ? { secret } : {}),
  };
  try {
    requireJob(job);
    if (pin) allowedCores();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    program.error(`error: ${text}`, { exitCode: USAGE_CODE });
  }
  using interrupt = new Interrupt();
  const { failure } = await launchLocalRanks({
    ...job,
    script,
    args: rest,
    ...(pin ? { before: (rank) => pinned(rank % ranks, ranks) } : {}),
    env: variablesFor(rankOptions),
    onLine: print,
    signal: interrupt.signal,
  });
  if (interrupt.signal.aborted) {
    console.error("interrupted: all ranks are stopped");
    return 130;
  }
  if (failure === undefined) return 0;
  const how = failure.signal === null ? `code ${failure.code}` : failure.signal;
  console.error(`rank ${failure.rank} failed first, with ${how}; all others are stopped. It said:`);
  for (const text of failure.stderr) print({ rank: failure.rank, stream: "stderr", text });
  return failure.code;
}

/** Options of the launcher itself. */
interface NodeOptions {
  readonly ranks: number;
  readonly nodes?: number;
  readonly node?: number;
  readonly masterAddr?: string;
  readonly masterPort?: number;
  readonly pin?: boolean;
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

function print({ rank, stream, text }: RankLine): void {
  const line = `[rank ${rank}] ${text}`;
  if (stream === "stdout") console.log(line);
  else console.error(line);
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError("A positive integer is needed.");
  }
  return value;
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

/** The environment variables that pass the flags to launchFromEnv(). */
const VARIABLES = {
  ports: "MESHFACTOR_PORTS",
  bind: "MESHFACTOR_BIND",
  interface: "MESHFACTOR_INTERFACE",
  advertise: "MESHFACTOR_ADVERTISE",
  sameHost: "MESHFACTOR_SAME_HOST",
  dump: "MESHFACTOR_DUMP",
} as const;

if (import.meta.main) Deno.exit(await main(Deno.args));
