// The generation command in processes, as a user starts it.

import type { Outcome } from "./train_command.ts";

const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;
const GENERATE = new URL("../../../src/cli/generate.ts", import.meta.url).href;
const LAUNCH = new URL("../../../src/cli/launch.ts", import.meta.url).href;

/** Runs the generation command on so many ranks. */
export async function generateText(
  args: readonly string[],
  { ranks = 1, stdin = "" }: { readonly ranks?: number; readonly stdin?: string } = {},
): Promise<Outcome> {
  const program = ranks === 1 ? [GENERATE] : [LAUNCH, "--ranks", String(ranks), GENERATE];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", "--config", CONFIG, ...program, ...args],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A command that refuses its arguments does not read it.
  await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}
