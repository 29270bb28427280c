// Who comes to a rank, by whichever of its listeners: proves every comer, drops strays without a trace, and hands connections to who waits.
//
// A stray (port scan, garbage, wrong secret) costs at most one socket for PROOF_TIMEOUT_MS and a few hundred bytes; when
// too many are unproved at a time, the oldest goes.

import { admit, type JobKey } from "./handshake.ts";
import { encodeMessage, type Hello } from "./control_message.ts";
import type { Listener } from "./listener.ts";
import type { Address, Connection } from "./transport.ts";

const PROOF_TIMEOUT_MS = 5_000;
const MAX_UNPROVED = 64;

/** Says why a proved comer is refused; undefined to welcome it. */
export type Judge = (hello: Hello) => string | undefined;

/** Accepts this rank's connections. */
export class Acceptor {
  readonly #listeners: readonly Listener[];
  readonly #key: JobKey;
  readonly #judge: Judge;
  readonly #unproved = new Set<Connection>();
  readonly #arrived = new Map<string, Connection>();
  readonly #awaited = new Map<string, PromiseWithResolvers<Connection>>();
  readonly #tasks = new Set<Promise<void>>();
  #joined: (hello: Hello, connection: Connection) => void = (_, connection) => connection.close();
  #closed = false;
  /** Where others reach it. */
  readonly address: Address;

  /** Owns the listeners. */
  constructor(
    listeners: readonly Listener[],
    options: { readonly key: JobKey; readonly judge: Judge; readonly address: Address },
  ) {
    this.#listeners = listeners;
    this.#key = options.key;
    this.#judge = options.judge;
    this.address = options.address;
    for (const listener of listeners) this.#track(this.#acceptAll(listener));
  }

  /** Sets who takes the connections of ranks that join; the taker owns them. */
  onJoin(joined: (hello: Hello, connection: Connection) => void): void {
    this.#joined = joined;
  }

  /**
   * The connection with this key (see `connectionKey`), when it has come; only now its dialer is welcomed. The caller
   * owns it.
   */
  async take(key: string, signal: AbortSignal): Promise<Connection> {
    const connection = this.#arrived.get(key) ?? await this.#wait(key, signal);
    this.#arrived.delete(key);
    try {
      await connection.writeAll(encodeMessage({ kind: "welcome" }));
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Lets the process end although it listens. */
  unref(): void {
    for (const listener of this.#listeners) listener.unref();
  }

  /** Stops listening and closes what nobody took. Again: nothing. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      // What was awaited without keeping the process alive must be awaited to its end now.
      for (const listener of this.#listeners) {
        listener.ref();
        listener.close();
      }
      for (const connection of [...this.#unproved, ...this.#arrived.values()]) connection.close();
      for (const awaited of this.#awaited.values()) {
        awaited.reject(new Error("This rank does not accept connections any more"));
      }
    }
    await Promise.all(this.#tasks);
  }

  async #wait(key: string, signal: AbortSignal): Promise<Connection> {
    const awaited = Promise.withResolvers<Connection>();
    const giveUp = () => awaited.reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp);
    this.#awaited.set(key, awaited);
    try {
      return await awaited.promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
      this.#awaited.delete(key);
    }
  }

  async #acceptAll(listener: Listener): Promise<void> {
    while (!this.#closed) {
      let connection: Connection;
      try {
        connection = await listener.accept();
      } catch {
        // One comer that left at once, or too many open files; the listener itself stays.
        await new Promise((resolve) => setTimeout(resolve, this.#closed ? 0 : 10));
        continue;
      }
      this.#track(this.#prove(connection));
    }
  }

  async #prove(connection: Connection): Promise<void> {
    if (this.#unproved.size === MAX_UNPROVED) {
      for (const oldest of this.#unproved) {
        oldest.close();
        break;
      }
    }
    this.#unproved.add(connection);
    const deadline = setTimeout(() => connection.close(), PROOF_TIMEOUT_MS);
    try {
      const hello = await admit(connection, this.#key);
      const reason = this.#judge(hello) ?? this.#duplicate(hello);
      if (reason !== undefined) {
        await connection.writeAll(encodeMessage({ kind: "refused", reason }));
        return connection.close();
      }
      if (hello.purpose === "join") {
        await connection.writeAll(encodeMessage({ kind: "welcome" }));
      }
      if (this.#closed) return connection.close();
      this.#deliver(hello, connection);
    } catch {
      // A stray: it gets no answer, and nobody here is troubled.
      connection.close();
    } finally {
      clearTimeout(deadline);
      this.#unproved.delete(connection);
    }
  }

  #duplicate(hello: Hello): string | undefined {
    return hello.purpose !== "join" && this.#arrived.has(connectionKey(hello))
      ? `Rank ${hello.rank} is connected to rank ${hello.to} already`
      : undefined;
  }

  #deliver(hello: Hello, connection: Connection): void {
    if (hello.purpose === "join") return this.#joined(hello, connection);
    const key = connectionKey(hello);
    const awaited = this.#awaited.get(key);
    if (awaited === undefined) this.#arrived.set(key, connection);
    else awaited.resolve(connection);
  }

  #track(task: Promise<void>): void {
    this.#tasks.add(task);
    task.finally(() => this.#tasks.delete(task));
  }
}

/** Tells connections of one rank apart. */
export function connectionKey(hello: Pick<Hello, "purpose" | "group" | "rank">): string {
  return `${hello.purpose} ${hello.group} from ${hello.rank}`;
}
