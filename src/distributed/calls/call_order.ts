// The order of a group's calls: collectives run one after the other; messages between two collectives run concurrently, but
// one after the other for each peer and direction, as they share a connection.
//
//   allReduce -> [ send to 1 -> send to 1 | receive from 1 | send to 2 ] -> barrier

/** Starts each call when the calls that it must follow have ended. */
export class CallOrder {
  #lastCollective: Promise<void> | undefined;
  #numCollectives = 0;
  readonly #messages = new Map<string, Promise<void>>();
  readonly #collectiveEnded = (): void => {
    if (--this.#numCollectives === 0) this.#lastCollective = undefined;
  };

  /** True if a collective would start at once. */
  get isIdle(): boolean {
    return this.#numCollectives === 0 && this.#messages.size === 0;
  }

  /** Runs `work` after all calls made before. */
  collective(work: () => Promise<void>): Promise<void> {
    const run = this.isIdle
      ? work()
      : afterAll([this.#lastCollective, ...this.#messages.values()], work);
    this.#numCollectives++;
    this.#lastCollective = run;
    run.then(this.#collectiveEnded, this.#collectiveEnded);
    return run;
  }

  /** Runs `work` after the collectives made before, and after the messages with the same `key`. */
  message(key: string, work: () => Promise<void>): Promise<void> {
    const run = afterAll([this.#lastCollective, this.#messages.get(key)], work);
    const ended = run.then(ignore, ignore).then(() => {
      if (this.#messages.get(key) === ended) this.#messages.delete(key);
    });
    this.#messages.set(key, ended);
    return run;
  }

  /** Resolves when all calls made before have settled. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#lastCollective, ...this.#messages.values()]);
  }
}

/** Runs `work` when all of `before` have settled. */
function afterAll(
  before: readonly (Promise<void> | undefined)[],
  work: () => Promise<void>,
): Promise<void> {
  const pending = before.filter((each) => each !== undefined);
  return pending.length === 0 ? work() : Promise.allSettled(pending).then(work);
}

function ignore(): void {}
