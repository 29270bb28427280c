// Wrong arguments end a command with exit code 2, as is usual, so that scripts can distinguish them from a failed job.

import type { Command, CommanderError } from "commander";

/** Exit code after wrong arguments. */
export const USAGE_CODE = 2;

/** Ends this process after commander has printed help or an error. */
export function endAfterUsage({ exitCode }: CommanderError): never {
  Deno.exit(exitCode === 0 ? 0 : USAGE_CODE);
}

/**
 * Parses arguments; prints help or an error and ends the process, with code 2 after an error. `needed` says of each flag that must be
 * given what its value is; a flag that is misspelt is named first.
 */
export function parseFlags<Flags extends object>(
  command: Command,
  args: readonly string[],
  needed: Readonly<Record<`--${string}`, string>> = {},
): Flags {
  command.parse([...args], { from: "user" });
  const flags = command.opts<Flags>();
  for (const [flag, what] of Object.entries(needed)) {
    const value: unknown = new Map(Object.entries(flags)).get(flag.slice(2));
    if (value !== undefined && value !== "" && !(Array.isArray(value) && value.includes(""))) {
      continue;
    }
    command.error(`error: ${flag} is needed: ${what}`, { exitCode: USAGE_CODE });
  }
  return flags;
}
