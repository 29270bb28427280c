// The order of a group's calls: collectives one after the other; messages between two collectives beside each other, but
// one after the other for each peer and direction, as their bytes share a connection.
//
//   allReduce -> [ send to 1 -> send to 1 | receive from 1 | send to 2 ] -> barrier

/** Starts each call when those that it must follow have ended; at once if there are none. */
export class CallOrder {
  #collective: Promise<void> | undefined;
  readonly #messages = new Map<string, Promise<void>>();

  /** Runs `work` after all calls made before. */
  collective(work: () => Promise<void>): Promise<void> {
    const run = start(work, [this.#collective, ...this.#messages.values()]);
    const ended = run.then(ignore, ignore).then(() => {
      if (this.#collective === ended) this.#collective = undefined;
    });
    this.#collective = ended;
    return run;
  }

  /** Runs `work` after the collectives made before, and after the messages with the same `key`. */
  message(key: string, work: () => Promise<void>): Promise<void> {
    const run = start(work, [this.#collective, this.#messages.get(key)]);
    const ended = run.then(ignore, ignore).then(() => {
      if (this.#messages.get(key) === ended) this.#messages.delete(key);
    });
    this.#messages.set(key, ended);
    return run;
  }

  /** Resolves when all calls made before have ended, well or not. */
  async idle(): Promise<void> {
    await Promise.all([this.#collective, ...this.#messages.values()]);
  }
}

function start(
  work: () => Promise<void>,
  before: readonly (Promise<void> | undefined)[],
): Promise<void> {
  const pending = before.filter((each) => each !== undefined);
  return pending.length === 0 ? work() : Promise.all(pending).then(work);
}

function ignore(): void {}
