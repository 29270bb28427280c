// Detects that the launcher of this rank was killed, so that the rank can exit by itself.
//
// A launcher that exits normally stops its ranks before; one that gets SIGKILL cannot. The kernel then gives its children
// another parent, which is detected here: that needs no descriptor, no port and no cooperation of the launcher. It is watched in a
// Worker, as this thread may compute for a long time; if it does not end the process in time, the Worker does.

import type { Clock } from "../wire/clock.ts";
import process from "node:process";

/** The variable in which a launcher passes its process id to its ranks. */
export const LAUNCHER_VARIABLE = "MESHFACTOR_LAUNCHER";

/** Access to other processes. */
export interface Processes {
  /** Id of this process's current parent. */
  readonly parent: number;
  /** Whether a process with this id exists. */
  exists(id: number): boolean;
}

/**
 * Calls `gone` once, within milliseconds, when the process `launcher`, which started this one, has exited. It has a second to end this
 * process. That alone does not keep the process alive. `failed` is called if it cannot be watched.
 */
export async function watchLauncherInWorker(
  launcher: number,
  { gone, failed }: { readonly gone: () => void; readonly failed: (error: Error) => void },
): Promise<void> {
  // Most programs have no launcher, and start faster without it.
  const { Worker } = await import("node:worker_threads");
  const worker = new Worker(new URL("./launcher_watch_worker.ts", import.meta.url), {
    workerData: launcher,
  });
  worker.unref();
  worker.once("message", gone);
  worker.once("error", failed);
}

/**
 * Calls `gone` once when the process `launcher`, which started this one, has exited. If it started this one through another
 * command, it is not the parent, and its process id is checked instead.
 */
export function watchLauncher(
  launcher: number,
  { clock, processes = ownProcesses, gone }: {
    readonly clock: Pick<Clock, "every">;
    readonly processes?: Processes;
    readonly gone: () => void;
  },
): void {
  const isParent = processes.parent === launcher;
  const watch = clock.every(INTERVAL_MS, () => {
    if (isParent ? processes.parent === launcher : processes.exists(launcher)) return;
    watch.stop();
    gone();
  });
}

const ownProcesses: Processes = {
  get parent() {
    return Deno.ppid;
  },
  exists(id) {
    try {
      process.kill(id, 0);
      return true;
    } catch (error) {
      // It belongs to another user, or asking is not allowed: it may still exist.
      return !(error instanceof Error && "code" in error && error.code === "ESRCH");
    }
  },
};

const INTERVAL_MS = 100;
