// The launcher: N local ranks of one program, their output prefixed, the first failure told last.
//
//   deno run -P=train src/cli/launch.ts --ranks 4 examples/hands_on.ts --steps 100

import { Command, InvalidArgumentError } from "commander";
import { launchLocalRanks, type RankLine } from "../dist/local_ranks.ts";

/** Runs the launcher and returns its exit code: 0, the code of the rank that failed first, or 130 after Ctrl-C. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command("launch")
    .description("Starts a program as several ranks on this machine.")
    .usage("--ranks <number> [options] <script> [arguments of the script...]")
    .requiredOption("--ranks <number>", "how many ranks to start", positiveInteger)
    .option("--master-port <port>", "port of rank 0 (default: a free one)", portNumber)
    .argument("<script>", "the program, which calls launchFromEnv()")
    .argument("[args...]", "arguments of the program")
    .passThroughOptions()
    .showHelpAfterError("(--help explains the options)");
  program.parse([...args], { from: "user" });
  const [script, ...rest] = program.args;
  const { ranks, masterPort } = program.opts<{ ranks: number; masterPort?: number }>();
  using interrupt = new Interrupt();
  const { failure } = await launchLocalRanks({
    ranks,
    script,
    args: rest,
    ...(masterPort === undefined ? {} : { port: masterPort }),
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

function print({ rank, stream, text }: RankLine): void {
  const line = `[rank ${rank}] ${text}`;
  if (stream === "stdout") console.log(line);
  else console.error(line);
}

/** Fires when the launcher is asked to stop. */
class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #stop = (): void => this.#controller.abort();

  constructor() {
    for (const name of STOP_SIGNALS) Deno.addSignalListener(name, this.#stop);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const name of STOP_SIGNALS) Deno.removeSignalListener(name, this.#stop);
  }
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError("A positive integer is needed.");
  }
  return value;
}

function portNumber(text: string): number {
  const value = positiveInteger(text);
  if (value > 65535) throw new InvalidArgumentError("A port is at most 65535.");
  return value;
}

const STOP_SIGNALS = Deno.build.os === "windows"
  ? (["SIGINT"] as const)
  : (["SIGINT", "SIGTERM"] as const);

if (import.meta.main) Deno.exit(await main(Deno.args));
