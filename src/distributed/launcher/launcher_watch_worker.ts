// The Worker that watches the launcher: it reports to the main thread that the launcher is gone, and ends the process if that is busy.

import { parentPort, workerData } from "node:worker_threads";
import { watchLauncher } from "./launcher_watch.ts";

const clock = {
  every(milliseconds: number, ring: () => void) {
    const timer = setInterval(ring, milliseconds);
    return { stop: () => clearInterval(timer) };
  },
};

watchLauncher(workerData, {
  clock,
  gone: () => {
    parentPort?.postMessage("gone");
    setTimeout(() => Deno.kill(Deno.pid, "SIGKILL"), END_MS);
  },
});

/** Time for the main thread to end the process. */
const END_MS = 1_000;
