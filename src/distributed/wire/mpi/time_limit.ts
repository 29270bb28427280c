// A limit for a call that blocks this thread: another thread ends the process when it is over.
//
// Under MPICH a rank that ends before it has started MPI leaves the others in MPI_Init for ever, where no timer fires.

/** Ends this process after a time unless it is disposed before. */
export class TimeLimit implements Disposable {
  readonly #worker: Worker;

  /** Writes `what` to stderr when the time is over. */
  constructor(milliseconds: number, what: string) {
    const text = `Ended after ${milliseconds} ms in ${what}`;
    // Deno.exit() would end the worker alone.
    const program = `setTimeout(() => { console.error(${
      JSON.stringify(text)
    }); Deno.kill(Deno.pid, "SIGKILL"); }, ${milliseconds})`;
    this.#worker = new Worker(`data:text/javascript,${encodeURIComponent(program)}`, {
      type: "module",
    });
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
