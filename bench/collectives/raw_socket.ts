// Whole reads and writes on Deno's own connections.

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
