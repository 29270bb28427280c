// Deno's own sockets, as a contestant: two processes that take turns with the ranks.

import { Contestant } from "./contestant.ts";
import { SOCKET_TESTS, type SocketLimit, socketLimitOf, type SocketTest } from "./limits.ts";
import type { Options } from "./options.ts";
import { startScript } from "./ours.ts";
import type { Repetitions } from "./sweep.ts";

/** Kinds of sockets. */
export const TRANSPORTS = ["tcp", "unix"] as const;
/** A kind of socket. */
export type Transport = typeof TRANSPORTS[number];

/** Two processes joined by one socket, which measure it on demand. */
export class Sockets implements AsyncDisposable {
  readonly #contestant: Contestant;
  readonly #folder: string;
  readonly #times: Record<SocketTest, number[]> = { roundTrip: [], oneWay: [], bothWays: [] };

  private constructor(contestant: Contestant, folder: string) {
    this.#contestant = contestant;
    this.#folder = folder;
  }

  /** Starts the processes. @throws {Error} if one of them ends, or they do not start in time. */
  static async start(
    transport: Transport,
    { cores, signal }: Pick<Options, "cores"> & { readonly signal: AbortSignal },
  ): Promise<Sockets> {
    const folder = await Deno.makeTempDir({ prefix: "meshfactor-bench-" });
    try {
      const contestant = await Contestant.start({
        name: `Deno's own sockets (${transport})`,
        ranks: 2,
        signal,
        start: ({ port, token }) =>
          startScript({
            ranks: 2,
            cores,
            script: new URL("./socket_rank.ts", import.meta.url),
            args: [`${port}`, token, transport, `${folder}/socket`],
          }),
      });
      return new Sockets(contestant, folder);
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** Measures for a moment; what was measured adds up until it is taken. @throws {Error} if a process ends. */
  async measure(): Promise<void> {
    for (const test of SOCKET_TESTS) {
      const turn = { op: test, count: 0, check: "off", ...REPETITIONS[test] } as const;
      const { microseconds } = await this.#contestant.measure(turn);
      this.#times[test].push(...microseconds);
    }
  }

  /** Measurements since they were last taken. */
  take(): SocketLimit {
    const limit = socketLimitOf(this.#times);
    for (const test of SOCKET_TESTS) this.#times[test] = [];
    return limit;
  }

  /** Stops the processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#contestant[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

const REPETITIONS: Readonly<Record<SocketTest, Repetitions>> = {
  roundTrip: { warmup: 50, iterations: 200 },
  oneWay: { warmup: 1, iterations: 3 },
  bothWays: { warmup: 1, iterations: 3 },
};
