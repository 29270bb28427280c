// The command line of the benchmark of collectives.

import { Command, InvalidArgumentError, Option } from "commander";
import { integerFrom, listOf, oneOf } from "../flag_values.ts";
import {
  type AlgorithmOptions,
  parseAlgorithms,
} from "../../src/distributed/calls/algorithm_table.ts";
import { type Transport, TRANSPORTS } from "./sockets.ts";
import { type Op, OPS, parseSize } from "./sweep.ts";

/**
 * What can be measured beside ours: Open MPI over TCP, Open MPI over shared memory, our own ranks over the latter, gloo.
 */
export const PEERS = ["mpi", "mpi-memory", "over-mpi", "gloo"] as const;
/** Another implementation, or our own over MPI. */
export type PeerName = typeof PEERS[number];

/** Options of the benchmark. */
export interface Options {
  /** Smallest size, in bytes. */
  readonly begin: number;
  /** Largest size, in bytes. */
  readonly end: number;
  /** From one size to the next. */
  readonly factor: number;
  /** Numbers of ranks, one after the other. */
  readonly ranks: readonly number[];
  readonly ops: readonly Op[];
  /** Transports of our ranks; several are measured beside each other. */
  readonly transports: readonly Transport[];
  /** Tables by collective, {} for the default; more than one are measured beside each other. */
  readonly algorithms: readonly AlgorithmOptions[];
  readonly peers: readonly PeerName[];
  /** Timed calls of each size; by default fewer the larger the size. */
  readonly iterations?: number;
  /** Calls before them; by default fewer the larger the size. */
  readonly warmup?: number;
  /** Contestants take so many turns at each size. */
  readonly turns: number;
  readonly check: "on" | "off";
  /** Whether each rank has cores of its own, all contestants' alike. */
  readonly cores: "own" | "any";
  readonly format: "table" | "json";
}

/** Parses the command line; what was wrong with it, or the help that was asked for, is printed already. */
export function parseOptions(args: readonly string[]): Options | "help" | "wrong" {
  const program = new Command("./run bench collectives")
    .description("Measures collectives between processes of this machine, as nccl-tests does.")
    .addOption(new Option("-b, --begin <bytes>", "smallest size").argParser(size).default(8, "8"))
    .addOption(
      new Option("-e, --end <bytes>", "largest size").argParser(size).default(128 << 20, "128M"),
    )
    .option("-f, --factor <number>", "from one size to the next", integerFrom(2), 2)
    .addOption(
      new Option("--ranks <numbers>", "numbers of ranks, one after the other")
        .argParser(listOf(integerFrom(2))).default([2, 4], "2,4"),
    )
    .addOption(
      new Option("--op <names>", `${OPS.join(", ")}, or all`)
        .argParser(ops).default(["allReduce"], "allReduce"),
    )
    .addOption(
      new Option("--transport <names>", `${TRANSPORTS.join(" or ")}, or both beside each other`)
        .argParser(listOf(oneOf(TRANSPORTS))).default(["unix"], "unix"),
    )
    .option("--algorithm <tables...>", "which to use, like ring two-shot (default: by size)")
    .addOption(
      new Option("--peer <names>", `measure ${PEERS.join(", ")} in the same run`)
        .argParser(listOf(oneOf(PEERS))).default([], "none"),
    )
    .option("-n, --iterations <number>", "timed calls (default: by size)", integerFrom(1))
    .option("-w, --warmup <number>", "calls before each turn (default: by size)", integerFrom(0))
    .option("--turns <number>", "turns that ours and peers take at a size", integerFrom(1), 3)
    .option("--pin", "keep each rank on cores of its own, peers' too (Linux)")
    .option("--no-check", "do not verify results")
    .option("--json", "print one JSON object per line instead of a table")
    .showHelpAfterError("(--help explains the options)")
    .exitOverride();
  try {
    program.parse([...args], { from: "user" });
    return optionsOf(program.opts<Flags>(), (message) => program.error(`error: ${message}`));
  } catch (error) {
    return error instanceof Error && "exitCode" in error && error.exitCode === 0 ? "help" : "wrong";
  }
}

function optionsOf(
  { op: ops, transport, algorithm, peer, check, pin, json, ...rest }: Flags,
  fail: (message: string) => never,
): Options {
  const tablesOf = (table: string) => Object.fromEntries(ops.map((op) => [op, table]));
  const algorithms = algorithm?.map(tablesOf) ?? [{}];
  try {
    algorithms.forEach(parseAlgorithms);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  return {
    ...rest,
    ops,
    transports: transport,
    algorithms,
    peers: peer,
    check: check ? "on" : "off",
    cores: pin ? "own" : "any",
    format: json ? "json" : "table",
  };
}

/** Options as the command line names them. */
type Flags =
  & Pick<
    Options,
    "begin" | "end" | "factor" | "ranks" | "iterations" | "warmup" | "turns"
  >
  & {
    readonly op: readonly Op[];
    readonly transport: readonly Transport[];
    readonly algorithm?: readonly string[];
    readonly peer: readonly PeerName[];
    readonly check: boolean;
    readonly pin?: boolean;
    readonly json?: boolean;
  };

function ops(text: string): readonly Op[] {
  return text === "all" ? OPS : listOf(oneOf(OPS))(text);
}

function size(text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
