// Output that a training can lose and go on: a disk that is full, a pipe that nobody reads any more. The first failure is reported, and
// everything after it is dropped.

/** Where bytes go. */
export interface ByteSink {
  /** Writes some of the bytes; returns how many. */
  writeSync(bytes: Uint8Array): number;
}

/** Options of {@linkcode LastingOutput}. */
export interface LastingOutputOptions {
  /** Called with the reason when a write fails for the first time. */
  readonly onFailure?: (reason: string) => void;
  /** Called before that, to take back half a text. */
  readonly onPartial?: () => void;
}

/** Writes text while it can be written. */
export class LastingOutput {
  readonly #sink: ByteSink;
  readonly #options: LastingOutputOptions;
  #isLost = false;

  /** Writes into `sink`. */
  constructor(sink: ByteSink, options: LastingOutputOptions = {}) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Whether a write has failed. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Writes the whole text, or nothing once a write has failed. */
  write(text: string): void {
    if (this.#isLost) return;
    const bytes = new TextEncoder().encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += this.#writeSome(bytes.subarray(at));
    } catch (error) {
      this.#isLost = true;
      this.#options.onPartial?.();
      this.#options.onFailure?.(error instanceof Error ? error.message : String(error));
    }
  }

  /** Waits where the reader of a pipe is slow and the pipe does not wait itself. */
  #writeSome(bytes: Uint8Array): number {
    while (true) {
      try {
        return this.#sink.writeSync(bytes);
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }
}

const RETRY_MS = 5;

/** This process's stderr. What cannot be written there is dropped in silence, as there is nowhere left to report it. */
export const stderr: LastingOutput = new LastingOutput(Deno.stderr);
