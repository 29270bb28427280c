// Runs examples/hands_on.ts under launchers, from the repository's root, and compares its losses with those under our launcher.

import { dirname } from "node:path";

/** What a command wrote, and its exit code. */
export interface ExampleRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `command` with `args` and, after them, the arguments of a short training; with this Deno on the PATH. */
export async function runExample(
  command: string,
  args: readonly string[],
  { env = {} }: { readonly env?: Readonly<Record<string, string>> } = {},
): Promise<ExampleRun> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args, ...TRAINING],
    cwd: ROOT,
    env: { ...env, PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}` },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** The losses of all steps of all ranks, sorted. */
export function lossesOf(text: string): string[] {
  return (text.match(/step \d+: loss [\d.]+/g) ?? []).sort();
}

/** The losses of two steps of 4 ranks. */
export function wantedLosses(): Promise<string[]> {
  return wanted ??= runExample("deno", [
    ...["run", "--quiet", "-P=train", "src/cli/launch.ts", "--ranks", "4", "examples/hands_on.ts"],
  ]).then(({ stdout }) => lossesOf(stdout));
}

let wanted: Promise<string[]> | undefined;
const TRAINING = ["--height", "16", "--width", "16", "--steps", "2"];
const ROOT = new URL("../../../", import.meta.url);
