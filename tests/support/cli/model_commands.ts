// The commands that use a model, in processes, as a user starts them.

import type { Outcome } from "./train_command.ts";

const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;
const CLI = new URL("../../../src/cli/", import.meta.url).href;
const LAUNCH = new URL("../../../src/cli/launch.ts", import.meta.url).href;

/** How a command is started. */
interface Start {
  readonly ranks?: number;
  readonly stdin?: string;
}

/** Runs the generation command on so many ranks. */
export function generateText(args: readonly string[], start: Start = {}): Promise<Outcome> {
  return run("generate", args, start);
}

/** Runs the classification command. */
export function classify(
  args: readonly string[],
  start: Pick<Start, "stdin"> = {},
): Promise<Outcome> {
  return run("classify", args, start);
}

/** What the classification command writes into a terminal, a pseudo-terminal of script. */
export async function classifyInTerminal(args: readonly string[]): Promise<string> {
  const words = [...denoArgs("classify", 1), ...args].map((each) => `'${each}'`);
  const { success, stdout } = await new Deno.Command("script", {
    args: ["-qec", [Deno.execPath(), ...words].join(" "), "/dev/null"],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout).replaceAll("\r\n", "\n");
  if (!success) throw new Error(text);
  return text;
}

async function run(
  command: string,
  args: readonly string[],
  { ranks = 1, stdin = "" }: Start,
): Promise<Outcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...denoArgs(command, ranks), ...args],
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

function denoArgs(command: string, ranks: number): string[] {
  const script = `${CLI}${command}.ts`;
  const program = ranks === 1 ? [script] : [LAUNCH, "--ranks", String(ranks), script];
  return ["run", "--quiet", "-P=train", "--config", CONFIG, ...program];
}
