// Wrong arguments end a command with exit code 2, as command lines do, so that scripts can tell them from a failed job.

import type { CommanderError } from "commander";

/** Exit code after wrong arguments. */
export const USAGE_CODE = 2;

/** What a command does after its help or its complaint is printed: ends this process. */
export function endAfterUsage({ exitCode }: CommanderError): never {
  Deno.exit(exitCode === 0 ? 0 : USAGE_CODE);
}
