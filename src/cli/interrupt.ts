// Requests to stop, as AbortSignals: Ctrl-C (SIGINT), SIGTERM, SIGHUP and SIGQUIT. A command that starts processes stops them before it
// exits; a training ends after its step and saves.
//
// One request may come as several signals: Ctrl-C reaches every process of the terminal's group, and the launcher sends SIGTERM to its
// ranks besides; a terminal that closes sends SIGHUP, as does its shell. So only a SIGINT that comes later is another request.

import { STOP_SIGNALS } from "../distributed/launcher/exit_codes.ts";

/** Aborts a signal when this process is asked to stop. */
export class Interrupt implements Disposable {
  readonly #first = new AbortController();
  readonly #second = new AbortController();
  readonly #listeners: readonly (readonly [Deno.Signal, () => void])[];
  #at = 0;

  /** Listens until disposed. */
  constructor() {
    // Deno's first listener of any signal ends the ignoring of SIGHUP, so that needs a listener, too.
    const ignored = STOP_SIGNALS.filter(isIgnored);
    this.#listeners = STOP_SIGNALS.map((name) => [
      name,
      ignored.includes(name) ? () => {} : () => this.#stop(name),
    ]);
    for (const [name, listener] of this.#listeners) Deno.addSignalListener(name, listener);
  }

  /** Aborted when the process is asked to stop; the reason is the name of the signal. */
  get signal(): AbortSignal {
    return this.#first.signal;
  }

  /** Aborted at Ctrl-C after that: the process is to end at once. */
  get again(): AbortSignal {
    return this.#second.signal;
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) Deno.removeSignalListener(name, listener);
  }

  #stop(name: Deno.Signal): void {
    const now = performance.now();
    if (!this.#first.signal.aborted) {
      this.#at = now;
      this.#first.abort(name);
    } else if (name === "SIGINT" && now - this.#at > SAME_REQUEST_MS) this.#second.abort(name);
  }
}

/** Whether this process was started so that SIGHUP does not end it, as by nohup. What is ignored is inherited by children. */
function isIgnored(name: Deno.Signal): boolean {
  if (name !== "SIGHUP" || Deno.build.os !== "linux") return false;
  try {
    const child = new Deno.Command("grep", { args: ["^SigIgn:", "/proc/self/status"] });
    const mask = new TextDecoder().decode(child.outputSync().stdout).replace("SigIgn:", "").trim();
    return (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    // There is no grep, or no /proc: it counts as not ignored, as is usual.
    return false;
  }
}

/** Signals within this time are one request. */
const SAME_REQUEST_MS = 1_000;
