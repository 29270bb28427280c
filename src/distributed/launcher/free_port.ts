// A port for rank 0 that is still free when rank 0 takes it, a moment later and in another process.
//
// Not one that the system hands out: those, from 32768 up on Linux and from 49152 elsewhere, go to whoever asks for any
// port in that moment, be it another rank of the same job. So one below is tried, at random.

/** A port of 127.0.0.1 that nobody listens on now and that the system gives to nobody. */
export function freePort(): number {
  while (true) {
    const [random] = crypto.getRandomValues(new Uint16Array(1));
    const port = FIRST + random % (LAST - FIRST + 1);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

const FIRST = 20_000;
const LAST = 32_767;
