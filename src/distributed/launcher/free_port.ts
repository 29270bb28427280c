// Chooses a port for rank 0 that is still free when rank 0 binds it, a moment later and in another process.
//
// Ephemeral ports, from 32768 up on Linux and from 49152 elsewhere, may be assigned to any process meanwhile, even to another
// rank of the same job. So it is a random port below those.

/** A port of 127.0.0.1 that is free and not ephemeral. */
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
