// p ranks, in any language, that make calls in turns and report the time of each.
//
//   bench                         rank 0 .. p-1
//   listen, start the ranks  ->   dial, say who they are
//   run allReduce 1024 ...   ->   all make the calls
//                            <-   times ...
//
// Between turns the ranks sleep in a read, so that contestants can take turns on one machine without disturbing each
// other: each figure is measured within a second of those that it is compared with.

import type { Sample } from "./figures.ts";
import { LineChannel } from "./line_channel.ts";
import { formatTurn, parseHello, parseTimes, type Turn } from "./protocol.ts";

/** Processes that were started. */
export interface Processes {
  /** Resolves when the first of them has ended, to what is known about why. */
  readonly ended: Promise<string>;
  /** Stops all; resolves when they have ended. */
  stop(): Promise<void>;
}

/** The address at which ranks find the benchmark. */
export interface ControlAddress {
  readonly hostname: string;
  readonly port: number;
  /** The secret that a rank must send first. */
  readonly token: string;
}

/** Starts a contestant. */
export interface ContestantOptions {
  /** In words, for messages. */
  readonly name: string;
  readonly ranks: number;
  /** Starts the processes. */
  readonly start: (control: ControlAddress) => Processes;
  /** Ends what is going on. */
  readonly signal: AbortSignal;
}

/** Results of a turn. */
export interface TurnResult extends Sample {
  /** As rank 0 calls it. */
  readonly algorithm: string;
}

/** Ranks that measure on demand. It owns its processes. */
export class Contestant implements AsyncDisposable {
  /** In words, for messages. */
  readonly name: string;
  readonly #signal: AbortSignal;
  readonly #processes: Processes;
  readonly #channels: readonly LineChannel[];

  private constructor(
    { name, signal }: ContestantOptions,
    parts: { readonly processes: Processes; readonly channels: readonly LineChannel[] },
  ) {
    this.name = name;
    this.#signal = signal;
    this.#processes = parts.processes;
    this.#channels = parts.channels;
  }

  /**
   * Starts the ranks and waits until all are ready.
   *
   * @throws {Error} if a rank ends, or not all come in time.
   */
  static async start(options: ContestantOptions): Promise<Contestant> {
    const { name, ranks, start, signal } = options;
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { hostname, port } = listener.addr;
    const token = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const channels = new Map<number, LineChannel>();
    const processes = start({ hostname, port, token });
    try {
      const admitted = admit(listener, { ranks, token, channels });
      await within(admitted, { what: `${name} to start`, ms: START_MS, processes, signal });
    } catch (error) {
      for (const channel of channels.values()) channel[Symbol.dispose]();
      await processes.stop();
      throw error;
    }
    const inOrder = Array.from({ length: ranks }, (_, rank) => channels.get(rank)!);
    return new Contestant(options, { processes, channels: inOrder });
  }

  /**
   * Has all ranks make the calls of `turn`.
   *
   * @throws {RankError} if a rank cannot do it, or its result is wrong; the contestant can go on with other calls.
   * @throws {Error} if a rank ends or says nothing for too long; the contestant is of no use any more.
   */
  async measure(turn: Turn<string>): Promise<TurnResult> {
    const lines = await this.ask(formatTurn(turn), {
      what: `make ${turn.iterations} calls of ${turn.op} on ${turn.count} elements`,
    });
    const times = lines.map((line) => parseTimes(line, turn.iterations));
    return {
      algorithm: times[0].algorithm,
      cpuSeconds: times.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      microseconds: times[0].microseconds.map((_, call) =>
        times.reduce((sum, { microseconds }) => sum + microseconds[call], 0) / times.length
      ),
    };
  }

  /**
   * Says `line` to all ranks and waits for a line of each, in the order of ranks.
   *
   * @throws {Error} if a rank ends, or says nothing for too long after the request `what`; the contestant is of no use
   *   any more.
   */
  async ask(line: string, { what }: { readonly what: string }): Promise<readonly string[]> {
    const replies = Promise.all(this.#channels.map(async (channel) => {
      await channel.send(line);
      return await channel.receive() ?? await endOf(this.#processes);
    }));
    return await within(replies, {
      what: `${this.name} to ${what}`,
      ms: TURN_MS,
      processes: this.#processes,
      signal: this.#signal,
    });
  }

  /** Stops the ranks. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const channel of this.#channels) channel[Symbol.dispose]();
    await this.#processes.stop();
  }
}

/** Lets every rank in that knows the token, until all have come. */
async function admit(
  listener: Deno.TcpListener,
  { ranks, token, channels }: {
    readonly ranks: number;
    readonly token: string;
    readonly channels: Map<number, LineChannel>;
  },
): Promise<void> {
  while (channels.size < ranks) {
    const channel = new LineChannel(await listener.accept());
    const rank = parseHello(await channel.receive() ?? "", token);
    if (rank === undefined || rank >= ranks || channels.has(rank)) channel[Symbol.dispose]();
    else channels.set(rank, channel);
  }
}

/** `work`, unless the processes end before, the time is up or the signal fires. */
async function within<T>(
  work: Promise<T>,
  { what, ms, processes, signal }: {
    readonly what: string;
    readonly ms: number;
    readonly processes: Processes;
    readonly signal: AbortSignal;
  },
): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(signal.reason);
  const late = () =>
    stopped.reject(new Error(`Waited ${ms / 1000} s for ${what}: it may hang; look at its output`));
  const timer = setTimeout(late, ms);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  work.catch(() => {});
  try {
    return await Promise.race([work, stopped.promise, endOf(processes)]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

async function endOf({ ended }: Processes): Promise<never> {
  throw new Error(await ended);
}

const START_MS = 60_000;
/** A turn takes seconds; who needs longer hangs. */
const TURN_MS = 300_000;
