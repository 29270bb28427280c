// Accepts and authenticates connections on all of a rank's listeners, and hands each to the code that waits for it.
//
// A connection that fails to authenticate (port scan, garbage, wrong secret) is closed, and nothing is reported here; a rank with
// another secret or version learns that from the handshake. It costs at most one socket
// for AUTHENTICATION_TIMEOUT_MS and a few hundred bytes; if there are too many at a time, the oldest is closed.

import { authenticateDialer, type JobKey } from "./handshake.ts";
import { type Hello, writeMessage } from "./control_message.ts";
import type { Listener } from "./listener.ts";
import type { Address, Connection } from "./transport.ts";

const AUTHENTICATION_TIMEOUT_MS = 5_000;
const MAX_UNAUTHENTICATED = 64;

/** Why an authenticated peer is refused; undefined if it is accepted. */
export type AdmissionCheck = (hello: Hello) => string | undefined;

/** Accepts this rank's connections. */
export class Acceptor {
  readonly #listeners: readonly Listener[];
  readonly #key: JobKey;
  readonly #admissionCheck: AdmissionCheck;
  readonly #unauthenticated = new Set<Connection>();
  readonly #arrived = new Map<string, Connection>();
  readonly #awaited = new Map<string, PromiseWithResolvers<Connection>>();
  readonly #tasks = new Set<Promise<void>>();
  #joined: (hello: Hello, connection: Connection) => void = (_, connection) => connection.close();
  #closed = false;
  /** The address at which other ranks reach it. */
  readonly address: Address;

  /** Takes ownership of the listeners. */
  constructor(
    listeners: readonly Listener[],
    options: {
      readonly key: JobKey;
      readonly admissionCheck: AdmissionCheck;
      readonly address: Address;
    },
  ) {
    this.#listeners = listeners;
    this.#key = options.key;
    this.#admissionCheck = options.admissionCheck;
    this.address = options.address;
    for (const listener of listeners) this.#track(this.#acceptAll(listener));
  }

  /** Sets the callback for connections of ranks that join; it takes ownership of them. */
  onJoin(joined: (hello: Hello, connection: Connection) => void): void {
    this.#joined = joined;
  }

  /**
   * Waits for the connection with this key (see `connectionKey`) and welcomes its dialer, which waits for that. The caller
   * owns the connection.
   */
  async take(key: string, signal: AbortSignal): Promise<Connection> {
    const connection = this.#arrived.get(key) ?? await this.#wait(key, signal);
    this.#arrived.delete(key);
    try {
      await writeMessage(connection, { kind: "welcome" });
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

  /** Stops listening and closes connections that were not taken. Idempotent. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      // Pending accepts that did not keep the process alive must be awaited now.
      for (const listener of this.#listeners) {
        listener.ref();
        listener.close();
      }
      for (const connection of [...this.#unauthenticated, ...this.#arrived.values()]) {
        connection.close();
      }
      for (const awaited of this.#awaited.values()) {
        awaited.reject(new Error("This rank no longer accepts connections"));
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
        // A connection that was reset at once, or too many open files; the listener itself still works.
        await new Promise((resolve) => setTimeout(resolve, this.#closed ? 0 : 10));
        continue;
      }
      this.#track(this.#authenticate(connection));
    }
  }

  async #authenticate(connection: Connection): Promise<void> {
    if (this.#unauthenticated.size === MAX_UNAUTHENTICATED) {
      for (const oldest of this.#unauthenticated) {
        oldest.close();
        break;
      }
    }
    this.#unauthenticated.add(connection);
    const deadline = setTimeout(() => connection.close(), AUTHENTICATION_TIMEOUT_MS);
    try {
      const hello = await authenticateDialer(connection, this.#key);
      const reason = this.#admissionCheck(hello) ?? this.#duplicate(hello);
      if (reason !== undefined) {
        await writeMessage(connection, { kind: "refused", reason });
        return connection.close();
      }
      if (hello.purpose === "join") {
        await writeMessage(connection, { kind: "welcome" });
      }
      if (this.#closed) return connection.close();
      this.#deliver(hello, connection);
    } catch {
      // Not a rank of this job.
      connection.close();
    } finally {
      clearTimeout(deadline);
      this.#unauthenticated.delete(connection);
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

/** Identifies a connection among all of a rank. */
export function connectionKey(hello: Pick<Hello, "purpose" | "group" | "rank">): string {
  return `${hello.purpose} ${hello.group} from ${hello.rank}`;
}
