// Output to a terminal that was closed, or to a pipe that nobody reads, fails: it is dropped, so that a training survives its terminal
// for long enough to save.

import process from "node:process";

/** From now on, what console.log() and console.error() cannot write is dropped. */
export function dropLostOutput(): void {
  for (const name of ["log", "error"] as const) {
    const write = console[name];
    console[name] = (...data: unknown[]) => {
      try {
        write(...data);
      } catch {
        // EIO or EPIPE.
      }
    };
  }
  // The progress bar writes there.
  process.stderr.on("error", () => {});
}
