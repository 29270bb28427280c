// Whole reads and writes on Deno's own connections, and how they are made.

/** Fills `target`. @throws {Deno.errors.UnexpectedEof} if the stream ends before. */
export async function readFully(conn: Deno.Conn, target: Uint8Array): Promise<void> {
  for (let done = 0; done < target.length;) {
    const length = await conn.read(target.subarray(done));
    if (length === null) throw new Deno.errors.UnexpectedEof("The other process has ended");
    done += length;
  }
}

/** Writes all of `bytes`. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await conn.write(bytes.subarray(done));
}

/** Dials until somebody listens. */
export async function dial<T>(connect: () => Promise<T>): Promise<T> {
  for (let attempt = 0;; attempt++) {
    try {
      return await connect();
    } catch (error) {
      if (attempt === DIALS) throw error;
      await new Promise((resolve) => setTimeout(resolve, DIAL_EVERY_MS));
    }
  }
}

const [DIALS, DIAL_EVERY_MS] = [200, 50];
