/**
 * The command that analyses a failed job: reports which rank was first out of step, from the dumps of all ranks.
 *
 * ```sh
 * deno run -P=train src/cli/launch.ts --ranks 4 --dump dumps program.ts
 * deno run -P=train src/cli/analyse.ts dumps
 * ```
 *
 * @module
 */

import { Command } from "commander";
import { type Dump, parseDump } from "../distributed/records/dump.ts";
import { findOutOfStep, type OutOfStep } from "../distributed/records/out_of_step.ts";
import { findUnmatchedMessages } from "../distributed/records/unmatched_messages.ts";
import { endAfterUsage, USAGE_CODE } from "./usage.ts";

/** Runs the analysis and returns its exit code: 0 if all ranks are in step, 1 if not, 2 if there are no dumps. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command("analyse")
    .description("Reports which rank of a failed job was first out of step.")
    .argument("<folder>", "the folder with the ranks' dumps, meshfactor-rank-*.json")
    .showHelpAfterError("(--help explains the options)")
    .exitOverride(endAfterUsage);
  program.parse([...args], { from: "user" });
  const [folder] = program.args;
  let dumps: Dump[];
  try {
    dumps = await readDumps(folder);
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    return USAGE_CODE;
  }
  for (const line of report(dumps)) console.log(line);
  return findAll(dumps).length === 0 ? 0 : 1;
}

/** The lines of the report. */
function report(dumps: readonly Dump[]): string[] {
  const { worldSize } = dumps[0];
  const silent = Array.from({ length: worldSize }, (_, rank) => rank)
    .filter((rank) => !dumps.some((dump) => dump.rank === rank));
  const lines = [`${dumps.length} of ${worldSize} ranks have left a dump`];
  if (silent.length > 0) lines.push(`none of rank ${silent.join(", ")}`);
  for (const { rank, error } of dumps) {
    if (error !== null) lines.push(`rank ${rank} failed with: ${error.message}`);
  }
  const [first, ...rest] = findAll(dumps);
  if (first === undefined) return [...lines, "all calls that were made agree and have ended"];
  return [
    ...lines,
    `first out of step: ${sentence(first)}`,
    ...rest.map((each) => `and then: ${sentence(each)}`),
  ];
}

/** Collectives and messages out of step, the earliest first. */
function findAll(dumps: readonly Dump[]): OutOfStep[] {
  return [...findOutOfStep(dumps), ...findUnmatchedMessages(dumps)].sort((a, b) => a.at - b.at);
}

function sentence({ ranks, group, what, reason }: OutOfStep): string {
  const who = ranks.length === 1 ? `rank ${ranks[0]}` : `ranks ${ranks.join(", ")}`;
  return `${who}, at ${what} of group [${group.join(", ")}]: ${reason}`;
}

async function readDumps(folder: string): Promise<Dump[]> {
  const dumps: Dump[] = [];
  const stat = await Deno.stat(folder).catch(() => undefined);
  if (!stat?.isDirectory) {
    throw new Error(
      `${folder} is ${
        stat === undefined ? "not there" : "no folder"
      }: give the folder that --dump named`,
    );
  }
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || !/^meshfactor-rank-\d+\.json$/.test(name)) continue;
    const path = `${folder}/${name}`;
    try {
      dumps.push(parseDump(await Deno.readTextFile(path)));
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Cannot read ${path}: ${text}`, { cause });
    }
  }
  if (dumps.length === 0) {
    throw new Error(
      `There are no dumps in ${folder}: run the job with --dump ${folder}, or set MESHFACTOR_DUMP`,
    );
  }
  return dumps.sort((a, b) => a.rank - b.rank);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
