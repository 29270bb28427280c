// A proxy that simulates network faults between real sockets: forwards TCP, and can damage, delay or drop bytes. It replaces
// `tc netem` where the kernel does not have that.

/** What is sent on instead of the bytes received. */
export type Rewrite = (bytes: Uint8Array) => Uint8Array;

/** Forwards every connection to its port on 127.0.0.1 to another port. */
export class FaultProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #target: number;
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #tasks: Promise<void>[] = [];
  #isCut = false;
  #damage: ((chunk: Uint8Array) => void) | undefined;
  #delay: (() => number) | undefined;
  #relay: (() => Rewrite) | undefined;
  #closed = false;

  /** Forwards to 127.0.0.1:`target`. */
  constructor(target: number) {
    this.#target = target;
    this.#tasks.push(this.#acceptAll());
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Drops all bytes from now on, and ends no connection: a cable is pulled. */
  cut(): void {
    this.#isCut = true;
  }

  /** Applies `damage` to all bytes from now on. */
  damage(damage: (chunk: Uint8Array) => void): void {
    this.#damage = damage;
  }

  /** Passes every later piece of each direction of each connection through a function of its own: a third party on the way. */
  rewrite(relay: () => Rewrite): void {
    this.#relay = relay;
  }

  /** Delays every piece in both directions from now on, in order. */
  delay(milliseconds: () => number): void {
    this.#delay = milliseconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    for (const conn of this.#conns) conn.close();
    await Promise.all(this.#tasks);
  }

  async #acceptAll(): Promise<void> {
    try {
      while (true) {
        const from = await this.#listener.accept();
        const to = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
        for (const conn of [from, to]) {
          conn.setNoDelay(true);
          this.#conns.add(conn);
        }
        this.#tasks.push(this.#forward(from, to), this.#forward(to, from));
      }
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }

  async #forward(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(64 << 10);
    let rewrite: Rewrite | undefined;
    try {
      while (true) {
        const bytes = await from.read(buffer);
        if (this.#isCut && bytes === null) return;
        if (bytes === null) break;
        if (this.#isCut) continue;
        rewrite ??= this.#relay?.();
        const received = buffer.subarray(0, bytes);
        this.#damage?.(received);
        const chunk = rewrite === undefined ? received : rewrite(received);
        if (this.#delay !== undefined) {
          const milliseconds = this.#delay();
          await new Promise((resolve) => setTimeout(resolve, milliseconds));
        }
        for (let done = 0; done < chunk.length;) done += await to.write(chunk.subarray(done));
      }
      await to.closeWrite();
    } catch {
      // One end is closed, so the other is closed too.
      if (!this.#isCut) await to.closeWrite().catch(() => {});
    }
  }
}
