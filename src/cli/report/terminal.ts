// The terminal that a command's output is shown on: its own, or that of the launcher, which says by environment variables which of its
// streams are terminals, and how wide they are.

import type { LastingOutput } from "./lasting_output.ts";
import { RelayedStatusLine, type StatusLine, TerminalStatusLine } from "./status_line.ts";

/** The status line of stderr; undefined if that is no terminal. */
export function statusLineOf(stderr: LastingOutput): StatusLine | undefined {
  if (Deno.stderr.isTerminal()) return new TerminalStatusLine(stderr, terminalWidth);
  const columns = columnsOfLauncher("stderr");
  return columns === undefined ? undefined : new RelayedStatusLine(stderr, columns);
}

/** The width of the terminal that stdout is, or that of the launcher; undefined if there is none. */
export function columnsOfStdout(): number | undefined {
  return Deno.stdout.isTerminal() ? terminalWidth() : columnsOfLauncher("stdout");
}

/** The environment variables by which a launcher says which of its streams are terminals. */
export function terminalVariables(): Record<string, string> {
  const streams = (["stdout", "stderr"] as const).filter((name) => Deno[name].isTerminal());
  return Object.fromEntries(streams.map((name) => [VARIABLES[name], String(terminalWidth())]));
}

/** The terminal's width now. */
export function terminalWidth(): number {
  try {
    return Deno.consoleSize().columns || USUAL_WIDTH;
  } catch {
    return USUAL_WIDTH;
  }
}

function columnsOfLauncher(stream: keyof typeof VARIABLES): number | undefined {
  const columns = Number(Deno.env.get(VARIABLES[stream]));
  return columns > 0 ? columns : undefined;
}

const USUAL_WIDTH = 80;
const VARIABLES = {
  stdout: "MESHFACTOR_STDOUT_COLUMNS",
  stderr: "MESHFACTOR_STDERR_COLUMNS",
} as const;
