// A bare exchange, as a contestant: as many processes as ours, over the same kind of socket, that send the same messages.

import { freePort } from "../../src/distributed/launcher/free_port.ts";
import { Contestant } from "./contestant.ts";
import { PING_BYTES } from "./limits.ts";
import type { Options } from "./options.ts";
import { startScript } from "./ours.ts";
import type { Transport } from "./sockets.ts";
import { BYTES_PER_ELEMENT, type Repetitions } from "./sweep.ts";

/** Processes that exchange messages on demand, each with each. */
export class Exchange implements AsyncDisposable {
  readonly #contestant: Contestant;
  readonly #folder: string;

  private constructor(contestant: Contestant, folder: string) {
    this.#contestant = contestant;
    this.#folder = folder;
  }

  /** Starts `ranks` processes. @throws {Error} if one of them ends, or they do not start in time. */
  static async start(
    ranks: number,
    { transport, cores, signal }: Pick<Options, "cores"> & {
      readonly transport: Transport;
      readonly signal: AbortSignal;
    },
  ): Promise<Exchange> {
    const folder = await Deno.makeTempDir({ prefix: "meshfactor-bench-" });
    const addresses = Array.from(
      { length: ranks },
      (_, rank) => transport === "tcp" ? `${freePort()}` : `${folder}/${rank}`,
    );
    try {
      const contestant = await Contestant.start({
        name: `a bare exchange (${transport})`,
        ranks,
        signal,
        start: ({ port, token }) =>
          startScript({
            ranks,
            cores,
            script: new URL("./exchange_rank.ts", import.meta.url),
            args: [`${port}`, token, transport, ...addresses],
          }),
      });
      const exchange = new Exchange(contestant, folder);
      await exchange.measure(PING_BYTES, { warmup: 1_000, iterations: 1 });
      return exchange;
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** Microseconds of exchanges of messages of `bytes`. @throws {Error} if a process ends. */
  async measure(bytes: number, { warmup, iterations }: Repetitions): Promise<readonly number[]> {
    const count = Math.ceil(bytes / BYTES_PER_ELEMENT);
    const turn = { op: "exchange", count, warmup, iterations, check: "off" } as const;
    return (await this.#contestant.measure(turn)).microseconds;
  }

  /** Stops the processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#contestant[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
