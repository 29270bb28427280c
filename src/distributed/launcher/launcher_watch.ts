// A rank whose launcher was killed has nobody left who would stop it, or read what it writes: it ends by itself.
//
// A launcher that ends in order stops its ranks before; one that gets SIGKILL cannot. The kernel then gives its children
// another parent, which is looked for here: that needs no descriptor, no port and no help of the launcher.

import process from "node:process";
import type { Clock } from "../wire/clock.ts";

/** The variable by which a launcher tells its ranks its process id. */
export const LAUNCHER_VARIABLE = "MESHFACTOR_LAUNCHER";

/** What can be seen of other processes. */
export interface Processes {
  /** Id of this process's parent, as it is now. */
  readonly parent: number;
  /** Whether a process with this id is left. */
  exists(id: number): boolean;
}

/**
 * Calls `gone` once when the process `launcher`, which has started this one, has ended. A launcher that has put another
 * command between is not the parent: then its process id must go.
 */
export function watchLauncher(
  launcher: number,
  { clock, processes = ownProcesses, gone }: {
    readonly clock: Clock;
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
      // Of another user, or not to be asked for: it is not known to be gone.
      return !(error instanceof Error && "code" in error && error.code === "ESRCH");
    }
  },
};

const INTERVAL_MS = 500;
