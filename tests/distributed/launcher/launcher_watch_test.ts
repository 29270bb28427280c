// A rank detects that its launcher is gone by its parent or, with a command between them, by the launcher's process id.

import { deepEqual } from "node:assert/strict";
import type { Clock } from "../../../src/distributed/wire/clock.ts";
import { watchLauncher } from "../../../src/distributed/launcher/launcher_watch.ts";

const LAUNCHER = 100;
const OTHER = 1;

Deno.test("a launcher that was the parent is gone when the parent changes, even if its id is used again", () => {
  const seen = watch([
    { parent: LAUNCHER, isLeft: true },
    { parent: LAUNCHER, isLeft: false },
    { parent: OTHER, isLeft: true },
    { parent: OTHER, isLeft: true },
  ]);
  deepEqual(seen, [false, false, true], "it is reported once, and no longer watched");
});

Deno.test("a launcher that was not the parent is gone when no process has its id", () => {
  const seen = watch([
    { parent: OTHER, isLeft: true },
    { parent: OTHER, isLeft: true },
    { parent: OTHER, isLeft: false },
  ]);
  deepEqual(seen, [false, false, true]);
});

/** Whether the launcher has been reported as gone, at the beginning and after each check. */
function watch(states: readonly { readonly parent: number; readonly isLeft: boolean }[]) {
  let [ring, state, isGone, isStopped]: [() => void, number, boolean, boolean] = [
    () => {},
    0,
    false,
    false,
  ];
  const clock: Clock = {
    now: () => 0,
    once: () => ({ stop: () => {} }),
    every(_, each) {
      ring = each;
      return { stop: () => (isStopped = true) };
    },
  };
  const processes = {
    get parent() {
      return states[state].parent;
    },
    exists: () => states[state].isLeft,
  };
  watchLauncher(LAUNCHER, { clock, processes, gone: () => (isGone = true) });
  const seen = [isGone];
  while (!isStopped && ++state < states.length) {
    ring();
    seen.push(isGone);
  }
  return seen;
}
