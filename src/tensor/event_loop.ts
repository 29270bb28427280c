// Yields to the event loop. Where kernels run on its thread, nothing arrives and nothing is sent while they do: work that should
// overlap with communication polls the sockets every millisecond or two.
//
// Deno's runtime (tokio) polls its sockets once in 61 turns of a busy event loop; a turn takes under 2 us. Measured on two ranks of
// one thread, an all-reduce of 256 kB beside slices of 1 to 2 ms: with one turn per slice it takes 120 slices, with 64 turns 2. A
// timeout of 0 does it at once too, but sleeps for 2 ms.

const { setImmediate } = globalThis;

/** Gives the runtime a chance to receive and send: 0.1 ms. */
export async function pollSockets(): Promise<void> {
  await eventLoopTurns(TURNS_PER_POLL);
}

/** Resolves after `count` turns of the event loop. */
export function eventLoopTurns(count: number): Promise<void> {
  return new Promise((resolve) => {
    const turn = (left: number): void => {
      if (left === 0) resolve();
      else setImmediate(turn, left - 1);
    };
    turn(count);
  });
}

const TURNS_PER_POLL = 64;
