// A program of another language as a contestant's processes.

import type { Processes } from "../collectives/contestant.ts";

/** The command to run. */
export interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs programs beside each other; what they write is kept to explain a failure. */
export function startCommands(lines: readonly CommandLine[]): Processes {
  const running = lines.map(startCommand);
  return {
    ended: Promise.race(running.map(({ ended }) => ended)),
    async stop() {
      await Promise.all(running.map(({ stop }) => stop()));
    },
  };
}

function startCommand({ program, args, env }: CommandLine): Processes {
  const child = new Deno.Command(program, {
    args: [...args],
    env: { ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const ended = Promise.all([child.status, tailOf(child.stderr)]).then(([{ code, signal }, tail]) =>
    [`${program} ended with ${signal ?? `code ${code}`}`, ...tail].join("\n  ")
  );
  return {
    ended,
    async stop() {
      kill(child, "SIGTERM");
      const timer = setTimeout(() => kill(child, "SIGKILL"), GRACE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** The last lines of a stream, once it has ended. */
async function tailOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string[]> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + part).slice(-KEPT_CHARACTERS);
  }
  return text.split("\n").filter((line) => line.trim() !== "").slice(-KEPT_LINES);
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended on its own.
  }
}

const GRACE_MS = 3_000;
const KEPT_CHARACTERS = 8_000;
const KEPT_LINES = 20;
