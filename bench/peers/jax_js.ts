// jax-js, multiplying and training as bench/train asks, as a contestant: jax_js_train.ts in a Deno of its own.

import { Contestant } from "../collectives/contestant.ts";
import type { Job } from "../train/request.ts";
import { startCommands } from "./command.ts";

/** Starts it; jax-js is downloaded if it was not yet. @throws {Error} if it cannot be had */
export async function startJaxJs(job: Job, signal: AbortSignal): Promise<Contestant> {
  const script = new URL("./jax_js_train.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  return await Contestant.start({
    name: "jax-js",
    ranks: 1,
    signal,
    start: ({ port, token }) =>
      startCommands([{
        program: Deno.execPath(),
        args: ["run", "-q", "-P=train", "--config", config, script, `${port}`, token]
          .concat(JSON.stringify(job)),
      }]),
  });
}
