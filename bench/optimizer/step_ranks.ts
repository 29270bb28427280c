// Ranks, as processes of this machine, that step a layer together on demand. They live as long as the benchmark.

import { Contestant } from "../collectives/contestant.ts";
import { startScript } from "../collectives/ours.ts";
import type { Dtype } from "./options.ts";
import type { Cut } from "./split_layer.ts";

/** A layer for the ranks to step. */
export interface Layer {
  readonly cut: Cut;
  readonly dtype: Dtype;
  /** Rows and columns of the weight. */
  readonly side: number;
}

/** Ranks that hold one layer at a time. It owns their processes, which start with the first layer. */
export class StepRanks implements AsyncDisposable {
  readonly #ranks: number;
  readonly #closed = new AbortController();
  #contestant: Promise<Contestant> | undefined;
  #prepared = "";

  /** Starts nothing yet. */
  constructor(ranks: number) {
    this.#ranks = ranks;
  }

  /**
   * Makes the layer on all ranks and steps it once, if they do not have it yet.
   *
   * @throws {Error} if a rank ends, with what it said.
   */
  async prepare({ cut, dtype, side }: Layer): Promise<void> {
    const layer = `${cut} ${dtype} ${side}`;
    if (layer === this.#prepared) return;
    await this.#ask(`prepare ${layer}`, `make the layer ${layer}`);
    this.#prepared = layer;
  }

  /** One step on all ranks; resolves when all have finished. @throws {Error} if a rank ends. */
  async step(): Promise<void> {
    await this.#ask("step", "step");
  }

  /** Ends the processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error("The ranks were stopped"));
    // Who could not start has ended already.
    const contestant = await this.#contestant?.catch(() => undefined);
    await contestant?.[Symbol.asyncDispose]();
  }

  async #ask(line: string, what: string): Promise<void> {
    this.#contestant ??= this.#start();
    await (await this.#contestant).ask(line, { what });
  }

  #start(): Promise<Contestant> {
    return Contestant.start({
      name: "Adafactor",
      ranks: this.#ranks,
      signal: this.#closed.signal,
      start: ({ port, token }) =>
        startScript({
          ranks: this.#ranks,
          cores: "any",
          script: new URL("./step_rank.ts", import.meta.url),
          args: [`${port}`, token],
        }),
    });
  }
}
