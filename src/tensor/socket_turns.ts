// Where kernels run on this thread, nothing arrives and nothing leaves while they do: work that should overlap with the
// wire gives the sockets a turn every millisecond or two.
//
// Deno's runtime (tokio) looks at its sockets once in 61 turns of a busy event loop; a turn takes under 2 us. Measured on
// two ranks of one thread, an all-reduce of 256 kB beside slices of 1 to 2 ms: with one turn per slice it takes 120 slices,
// with 64 turns 2. A timeout of 0 does it at once too, but sleeps for 2 ms.

import { setImmediate as nextTurn } from "node:timers/promises";

/** Lets what has arrived in, and what waits out: 0.1 ms. */
export async function letSocketsMove(): Promise<void> {
  for (let turn = 0; turn < TURNS_PER_POLL; turn++) await nextTurn();
}

const TURNS_PER_POLL = 64;
