// Commands as documents show them: run, or compared with what the program's --help lists.

import assert from "node:assert/strict";
import config from "../../../deno.json" with { type: "json" };
import { ROOT } from "./document.ts";

/** What a process has written, and its exit code. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  /** Both, for messages. */
  readonly output: string;
}

/** Runs Deno with the arguments in `folder`. */
export async function runDeno(args: readonly string[], folder: string): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out, output: `${out}\n${errors}` };
}

/** The arguments of `deno run -P=train script ...` for a working folder outside of the repository. */
export function argumentsOf(command: string): string[] {
  const [deno, run, permissions, ...rest] = command.split(" ");
  assert.deepEqual([deno, run, permissions], ["deno", "run", "-P=train"], command);
  const here = rest.map((word) => /^(src|examples|bench)\//.test(word) ? `${ROOT}${word}` : word);
  return ["run", "--quiet", "-P=train", "--config", `${ROOT}deno.json`, ...here];
}

/** Verifies that a command's program and options exist, without running it. */
export async function verifyCommand(command: string): Promise<void> {
  const words = command.split(" ");
  if (words[0] === "deno" && words[1] === "task") {
    assert.ok(Object.hasOwn(config.tasks, words[2]), `${command}: no such task`);
  } else if (words[0] === "deno" && words[1] === "bench") {
    for (const word of words.slice(2)) {
      const [flag, set] = word.split("=");
      if (flag === "-P") {
        assert.ok(Object.hasOwn(config.permissions, set), `${command}: no such set`);
      } else if (word.endsWith(".ts")) await Deno.stat(`${ROOT}${word}`);
    }
  } else if (words[0] === "./run") await verifyRun(words.slice(1));
  else if (words[0] === "deno" && words[1] === "run") {
    const script = words.find((word) => word.endsWith(".ts")) ?? assert.fail(command);
    await Deno.stat(`${ROOT}${script}`);
  } else assert.fail(`Cannot verify the command ${command}`);
}

async function verifyRun([what, ...rest]: readonly string[]): Promise<void> {
  const { stdout } = await new Deno.Command(`${ROOT}run`, { args: ["help"], cwd: ROOT }).output();
  const known = [...new TextDecoder().decode(stdout).matchAll(/\.\/run (\w+)/g)]
    .map(([, name]) => name);
  assert.ok(known.includes(what), `./run ${what}`);
  if (what === "test" && rest[0] !== undefined) await Deno.stat(`${ROOT}tests/${rest[0]}`);
  if (what === "bench" && rest[0] !== undefined) await verifyBenchmark(rest[0], rest.slice(1));
}

async function verifyBenchmark(name: string, words: readonly string[]): Promise<void> {
  const files = [`bench/${name}.ts`, `bench/${name}_bench.ts`];
  const found = await Promise.any(
    files.map(async (file) => {
      await Deno.stat(`${ROOT}${file}`);
      return file;
    }),
  );
  const flags = words.filter((word) => /^--?[a-z]/.test(word));
  if (flags.length === 0) return;
  const args = ["run", "--quiet", "-P=train", found, "--help"];
  const { stdout: help } = await runDeno(args, ROOT);
  for (const flag of flags) assert.match(help, new RegExp(`(^|[\\s,])${flag}\\b`, "m"), flag);
}
