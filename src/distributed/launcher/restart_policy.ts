// Decides whether a job begins again after a rank was lost, and when.
//
//   wrong arguments (exit code 2)                                  never: they stay wrong
//   the same rank failed in the same way, at once, three times     no more: it would fail again
//   more than --max-restarts                                       no more
//   else                                                           after a second, or after failures at once 1, 2, 4, ... 60 s

import type { ExitStatus } from "./exit_codes.ts";

/** How an attempt ended. */
export interface FailedAttempt extends ExitStatus {
  /** The rank that failed first. */
  readonly rank: number;
  /** The end of its stderr. */
  readonly stderr: readonly string[];
  /** How long the attempt took. */
  readonly milliseconds: number;
}

/** What happens after an attempt. */
export type AfterAttempt =
  | { readonly kind: "restart"; readonly delayMs: number }
  | { readonly kind: "end"; readonly reason: string };

/** Decides after the last of these attempts, of which there are to be at most `maxRestarts` + 1. */
export function afterAttempt(
  attempts: readonly FailedAttempt[],
  maxRestarts: number,
): AfterAttempt {
  const last = attempts[attempts.length - 1];
  if (last.signal === null && last.code === WRONG_ARGUMENTS) {
    return { kind: "end", reason: "its arguments are wrong, and would be again" };
  }
  if (attempts.length > maxRestarts) {
    const text = maxRestarts === 1 ? "1 restart is" : `${maxRestarts} restarts are`;
    return { kind: "end", reason: `${text} used up (--max-restarts)` };
  }
  const recent = attempts.slice(-SAME_FAILURES);
  if (recent.length === SAME_FAILURES && recent.every((each) => isSameFailure(each, last))) {
    const seconds = AT_ONCE_MS / 1000;
    return {
      kind: "end",
      reason: `it has failed the same way ${SAME_FAILURES} times, each within ${seconds} s`,
    };
  }
  const atOnce = attempts.length - 1 - attempts.findLastIndex((each) => !isAtOnce(each));
  return { kind: "restart", delayMs: Math.min(1000 * 2 ** Math.max(0, atOnce - 1), MAX_DELAY_MS) };
}

function isAtOnce({ milliseconds }: FailedAttempt): boolean {
  return milliseconds < AT_ONCE_MS;
}

function isSameFailure(one: FailedAttempt, other: FailedAttempt): boolean {
  return isAtOnce(one) && isAtOnce(other) && one.rank === other.rank && one.code === other.code &&
    one.signal === other.signal && errorOf(one) === errorOf(other);
}

/** The line that names the error, without its numbers, such as ports and process ids. */
function errorOf({ stderr }: FailedAttempt): string | undefined {
  const line = stderr.findLast((text) => /\berror\b/i.test(text)) ?? stderr.at(-1);
  return line?.replace(/\d+/g, "#");
}

const WRONG_ARGUMENTS = 2;
const SAME_FAILURES = 3;
const AT_ONCE_MS = 10_000;
const MAX_DELAY_MS = 60_000;
