// Lines of text over a connection.

/** Sends and receives lines. It owns the connection. */
export class LineChannel implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #decoder = new TextDecoder();
  readonly #chunk = new Uint8Array(64 << 10);
  #text = "";

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Sends a line, which must not contain a newline. */
  async send(line: string): Promise<void> {
    let bytes = new TextEncoder().encode(`${line}\n`);
    while (bytes.length > 0) bytes = bytes.subarray(await this.#conn.write(bytes));
  }

  /** The next line without its newline; undefined at the end. */
  async receive(): Promise<string | undefined> {
    const parts = [this.#text];
    while (!parts.at(-1)!.includes("\n")) {
      const length = await this.#conn.read(this.#chunk);
      if (length === null) return undefined;
      parts.push(this.#decoder.decode(this.#chunk.subarray(0, length), { stream: true }));
    }
    const text = parts.join("");
    const end = text.indexOf("\n");
    this.#text = text.slice(end + 1);
    return text.slice(0, end);
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.#conn.close();
  }
}
