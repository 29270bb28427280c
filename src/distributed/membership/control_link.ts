// The control connection between two ranks: small messages, never behind a collective's payload.
//
// As only small messages travel here, a failure is told at once, and the end of this stream without a `bye` or `abort`
// before it means one thing: the peer's process is gone.

import { type ControlMessage, encodeMessage, readMessage } from "../wire/control_message.ts";
import type { Connection } from "../wire/transport.ts";

/** Who is told of what comes. */
export interface ControlListener {
  /** A message came. */
  message(message: ControlMessage): void;
  /** The stream has ended, or what came is no message. */
  ended(cause: unknown): void;
}

/** Sends and receives messages on one connection, which it owns. */
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

  /** Replaces who is told. */
  listen(listener: ControlListener): void {
    this.#listener = listener;
  }

  /** Sends after all that was sent before. A peer that is gone is noticed by the reader, so nothing is thrown here. */
  send(message: ControlMessage): Promise<void> {
    const bytes = encodeMessage(message);
    this.#lastWrite = this.#lastWrite.then(() => this.#connection.writeAll(bytes)).catch(() => {});
    return this.#lastWrite;
  }

  /** Says that this rank lives, unless what was sent before is still on its way. */
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
   * Ends the stream after what was sent, and resolves when the peer has ended its own: it has all then. What comes until
   * then is still told. close() is due after.
   */
  async finish(): Promise<void> {
    await this.#lastWrite;
    await this.#connection.endWrites();
    await this.#pump;
  }

  /** Closes the connection. Again: nothing. */
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
        // Only now, as listen() may have been called meanwhile.
        this.#listener.message(message);
      }
    } catch (cause) {
      if (!this.#closed) this.#listener.ended(cause);
    }
  }
}
