// Yields to the event loop. Where kernels run on its thread, nothing arrives and nothing is sent while they do: work that should
// overlap with communication polls the sockets every millisecond or two; any long computation does so ten times a second, so that a
// rank that computes answers its peers, and hears of signals.
//
// Deno's runtime (tokio) polls its sockets once in 61 turns of a busy event loop; a turn takes under 2 us. Measured on two ranks of
// one thread, an all-reduce of 256 kB beside slices of 1 to 2 ms: with one turn per slice it takes 120 slices, with 64 turns 2. A
// timeout of 0 does it at once too, but sleeps for 2 ms.

const { setImmediate } = globalThis;

/** Gives the runtime a chance to receive and send: 0.1 ms. */
export async function pollSockets(): Promise<void> {
  await eventLoopTurns(TURNS_PER_POLL);
}

/** Gives the runtime a chance to receive, send and ring timers, if it had none for a while; undefined if that is not due. */
export function yieldIfDue(): Promise<void> | undefined {
  if (performance.now() - yieldedAt < YIELD_MS) return undefined;
  return pollSockets().then(() => {
    yieldedAt = performance.now();
  });
}

let yieldedAt = 0;

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
const YIELD_MS = 100;
