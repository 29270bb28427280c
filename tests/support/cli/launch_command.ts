// The launcher in a process, with the program that its tests start as ranks.

import { ok } from "node:assert/strict";
import { isLeft } from "./processes.ts";

/** The configuration with the permission sets. */
export const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;
/** The program. */
export const PROGRAM = new URL("./launched_program.ts", import.meta.url).href;
/** A secret for jobs. */
export const SECRET = "the secret of the job";
const LAUNCHER = new URL("../../../src/cli/launch.ts", import.meta.url).href;

/** The launcher, not yet started; `before` is the prefix of its command. */
export function command(
  args: readonly string[],
  env: Record<string, string> = {},
  { cwd = Deno.cwd(), before = [] }: { readonly cwd?: string; readonly before?: string[] } = {},
): Deno.Command {
  const [start, ...prefix] = [...before, Deno.execPath()];
  return new Deno.Command(start, {
    args: [...prefix, "run", "--quiet", "-P=train", "--config", CONFIG, LAUNCHER, ...args],
    env,
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs the launcher. */
export async function launch(
  args: readonly string[],
  env: Record<string, string> = {},
  place: { readonly cwd?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await command(args, env, place).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** What was printed until this many lines contain `word`. */
export async function untilAllSay(
  word: string,
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  numLines: number,
): Promise<string> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split(word).length <= numLines) {
    const { value, done } = await reader.read();
    ok(!done, "the ranks ended before they were asked to");
    text += value;
  }
  await reader.cancel();
  return text;
}

/** Asserts that no process whose id a rank has printed is left after a few seconds. */
export async function requireGone(stdout: string, withinMs = 5000): Promise<void> {
  const pids = [...stdout.matchAll(/pid (\d+)/g)].map(([, pid]) => pid);
  ok(pids.length > 0, "the ranks printed their process ids");
  for (const pid of pids) {
    for (const begin = performance.now(); await isLeft(Number(pid));) {
      ok(performance.now() - begin < withinMs, `process ${pid} is left`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
