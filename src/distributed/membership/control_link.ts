// The control connection between two ranks, for small messages, which never wait behind a collective's payload.
//
// So a failure is reported at once, and if this stream ends without a `bye` or `abort`, the peer's process is gone.

import { type ControlMessage, encodeMessage, readMessage } from "../wire/control_message.ts";
import type { Connection } from "../wire/transport.ts";

/** Callbacks of a link. */
export interface ControlListener {
  /** A message was received. */
  message(message: ControlMessage): void;
  /** The stream has ended, or an invalid message was received. */
  ended(cause: unknown): void;
}

/** Sends and receives control messages on one connection, which it owns. */
export class ControlLink {
  readonly #connection: Connection;
  readonly #pump: Promise<void>;
  #listener: ControlListener;
  #lastWrite: Promise<void> = Promise.resolve();
  #isBeating = false;
  #closed = false;

  constructor(connection: Connection, listener: ControlListener) {
    this.#connection = connection;
    this.#listener = listener;
    this.#pump = this.#receiveAll();
  }

  /** Replaces the callbacks. */
  listen(listener: ControlListener): void {
    this.#listener = listener;
  }

  /** Sends after all messages before. Does not throw if the peer is gone: the reader detects that. */
  send(message: ControlMessage): Promise<void> {
    const bytes = encodeMessage(message, this.#connection.session?.sent);
    this.#lastWrite = this.#lastWrite.then(() => this.#connection.writeAll(bytes)).catch(() => {});
    return this.#lastWrite;
  }

  /** Sends a heartbeat, unless the one before is still being written. */
  async beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    await this.send({ kind: "beat" });
    this.#isBeating = false;
  }

  /** Lets the process end although this link is open. */
  unref(): void {
    this.#connection.unref();
  }

  /**
   * Ends the stream after all messages, and resolves when the peer has ended its own, and so has received everything.
   * Messages received until then are still delivered. Call close() afterwards.
   */
  async finish(): Promise<void> {
    await this.#lastWrite;
    await this.#connection.endWrites();
    await this.#pump;
  }

  /** Ends the stream to the peer at once. */
  end(): void {
    void this.#connection.endWrites();
  }

  /** Closes the connection. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#connection.close();
    await this.#pump;
    await this.#lastWrite;
  }

  async #receiveAll(): Promise<void> {
    try {
      while (true) {
        const message = await readMessage(this.#connection);
        // Read here, as listen() may have been called meanwhile.
        this.#listener.message(message);
      }
    } catch (cause) {
      if (!this.#closed) this.#listener.ended(cause);
    }
  }
}
