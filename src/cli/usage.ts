// Wrong arguments end a command with exit code 2, as is usual, so that scripts can distinguish them from a failed job.

import type { CommanderError } from "commander";

/** Exit code after wrong arguments. */
export const USAGE_CODE = 2;

/** Ends this process after commander has printed help or an error. */
export function endAfterUsage({ exitCode }: CommanderError): never {
  Deno.exit(exitCode === 0 ? 0 : USAGE_CODE);
}
