// Control messages between ranks, outside of collectives: joining a job, failures, heartbeats and progress queries.
//
//   | length u32 | checksum u32 | JSON of that length |
//   | length u32 | checksum u32 | keyed sum of these 8 bytes (16) | JSON | keyed sum of the JSON (16) |     with a session
//
// The length has a sum of its own, as a wrong one would make the receiver wait for bytes that nobody sends.
// The JSON is parsed into one of the kinds below, or refused; unknown fields are dropped.

import { checksum } from "./checksum.ts";
import { ForgedError, FrameError } from "./frame.ts";
import { type MessageSums, SUM_BYTES } from "./session.ts";
import type { Address, Connection } from "./transport.ts";

/** A control message. */
export type ControlMessage =
  | Hello
  | { readonly kind: "welcome" }
  /** The hello was not accepted. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Rank 0 still waits for these ranks. */
  | { readonly kind: "waiting"; readonly missing: readonly number[] }
  /** All ranks have joined: the address of each. */
  | { readonly kind: "table"; readonly addresses: readonly Address[] }
  | Abort
  /** The sender closes its world normally. */
  | { readonly kind: "bye" }
  /** Heartbeat. */
  | { readonly kind: "beat" }
  | ProgressQuery
  | ProgressReply
  /** From launcher to launcher, see launcher/host_message.ts. */
  | { readonly kind: "note"; readonly text: string };

/** The first message on a connection: the sender, the rank that it wants to reach, and the purpose. */
export interface Hello {
  readonly kind: "hello";
  /** `join` the job at rank 0, `control` for control messages, `group` for a group's collectives. */
  readonly purpose: "join" | "control" | "group";
  /** Global rank of the sender. */
  readonly rank: number;
  /** Global rank that the sender wants to reach. */
  readonly to: number;
  readonly worldSize: number;
  /** What the sender's groups use. Default: sockets. */
  readonly transport?: Transport;
  /** ProgressQuery the other ranks can reach the sender. */
  readonly address: Address;
  /** The group's id in hex, empty if there is none. */
  readonly group: string;
}

/**
 * What moves the bytes of groups.
 *
 * @category Distributed
 */
export type Transport = "sockets" | "mpi";

/** All values of `Transport`. */
export const TRANSPORTS: readonly Transport[] = ["sockets", "mpi"];

/** A world has failed. */
export interface Abort {
  readonly kind: "abort";
  /** Global rank that detected it. */
  readonly origin: number;
  /** Global rank of the culprit. */
  readonly rank: number;
  readonly message: string;
  readonly group: readonly number[];
  readonly op: string;
  readonly sequence: number;
  readonly bytesDone: number;
  readonly bytesExpected: number;
}

/** Asks for the receiver's progress in call `sequence` of `group`. */
export interface ProgressQuery {
  readonly kind: "where";
  readonly question: number;
  readonly group: string;
  readonly sequence: number;
}

/** The reply to a `where`. */
export interface ProgressReply {
  readonly kind: "here";
  readonly question: number;
  /** `absent`: has not made the call; `passed`: has finished it; else it is running call `sequence` of `group`. */
  readonly state: "absent" | "passed" | "moving" | "waiting";
  /** Global rank that it waits for. */
  readonly waitingFor: number;
  readonly group: string;
  readonly sequence: number;
}

/** Length and checksum before the JSON of a message, in bytes. */
export const PREFIX_BYTES = 8;
/** Longest message accepted from an authenticated peer, in bytes. */
export const MAX_MESSAGE_BYTES = 1 << 20;

/** Encodes a message with its prefix; with keyed sums too, which are those of the next message sent, if `sums` are given. */
export function encodeMessage(
  message: ControlMessage,
  sums?: MessageSums,
): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(JSON.stringify(message));
  const prefix = new Uint8Array(PREFIX_BYTES);
  const view = new DataView(prefix.buffer);
  view.setUint32(0, body.length, true);
  view.setUint32(4, checksum(body), true);
  const parts = sums === undefined
    ? [prefix, body]
    : [prefix, sums.next(prefix), body, sums.next(body)];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Sends one message. */
export async function writeMessage(
  connection: Connection,
  message: ControlMessage,
): Promise<void> {
  await connection.writeAll(encodeMessage(message, connection.session?.sent));
}

/** Reads one message of at most `maxBytes`. */
export async function readMessage(
  connection: Connection,
  maxBytes: number = MAX_MESSAGE_BYTES,
): Promise<ControlMessage> {
  return decodeMessage(await readBody(connection, maxBytes));
}

/**
 * Reads the JSON bytes of one message and verifies their checksum and, if the connection has a session, their keyed sum.
 *
 * @throws {FrameError} if a sum is wrong, or the message is too long.
 */
export async function readBody(
  connection: Connection,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const prefix = new Uint8Array(PREFIX_BYTES);
  await connection.readFully(prefix);
  await requireKeyedSum(connection, prefix);
  const view = new DataView(prefix.buffer);
  const length = view.getUint32(0, true);
  if (length > maxBytes) {
    throw new FrameError(`Received a message of ${length} bytes, at most ${maxBytes} are allowed`);
  }
  const body = new Uint8Array(length);
  await connection.readFully(body);
  await requireKeyedSum(connection, body);
  if (checksum(body) !== view.getUint32(4, true)) {
    throw new FrameError(`A message of ${length} bytes was damaged in transit`);
  }
  return body;
}

/** Reads the keyed sum that follows `bytes`, if the connection has a session. */
async function requireKeyedSum(connection: Connection, bytes: Uint8Array): Promise<void> {
  if (connection.session === undefined) return;
  const sum = new Uint8Array(SUM_BYTES);
  await connection.readFully(sum);
  if (!connection.session.received.isNext(sum, bytes)) {
    throw new ForgedError("a message", connection);
  }
}

/**
 * Parses a message's JSON bytes.
 *
 * @throws {FrameError} if it is not a control message.
 */
export function decodeMessage(body: Uint8Array): ControlMessage {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new FrameError("A message is not JSON", { cause });
  }
  const fields = new Fields(value);
  const kind = fields.text("kind");
  switch (kind) {
    case "hello":
      return {
        kind,
        purpose: fields.oneOf("purpose", ["join", "control", "group"]),
        rank: fields.number("rank"),
        to: fields.number("to"),
        worldSize: fields.number("worldSize"),
        ...(fields.has("transport") ? { transport: fields.oneOf("transport", TRANSPORTS) } : {}),
        address: address(fields.value("address")),
        group: fields.text("group"),
      };
    case "welcome":
    case "bye":
    case "beat":
      return { kind };
    case "note":
      return { kind, text: fields.text("text") };
    case "refused":
      return { kind, reason: fields.text("reason") };
    case "waiting":
      return { kind, missing: fields.numbers("missing") };
    case "table":
      return { kind, addresses: fields.list("addresses").map(address) };
    case "abort":
      return {
        kind,
        origin: fields.number("origin"),
        rank: fields.number("rank"),
        message: fields.text("message"),
        group: fields.numbers("group"),
        op: fields.text("op"),
        sequence: fields.number("sequence"),
        bytesDone: fields.number("bytesDone"),
        bytesExpected: fields.number("bytesExpected"),
      };
    case "where":
      return {
        kind,
        question: fields.number("question"),
        group: fields.text("group"),
        sequence: fields.number("sequence"),
      };
    case "here":
      return {
        kind,
        question: fields.number("question"),
        state: fields.oneOf("state", ["absent", "passed", "moving", "waiting"]),
        waitingFor: fields.number("waitingFor"),
        group: fields.text("group"),
        sequence: fields.number("sequence"),
      };
    default:
      throw new FrameError(`Received a message of unknown kind: ${kind.slice(0, 40)}`);
  }
}

function address(value: unknown): Address {
  const fields = new Fields(value);
  const where = { hostname: fields.text("hostname"), port: fields.number("port") };
  return fields.has("path") ? { ...where, path: fields.text("path") } : where;
}

/** Typed access to the fields of parsed JSON. */
class Fields {
  readonly #object: object;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null) {
      throw new FrameError("A message is not an object");
    }
    this.#object = value;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#object, name);
  }

  value(name: string): unknown {
    const value: unknown = Object.getOwnPropertyDescriptor(this.#object, name)?.value;
    if (value === undefined) throw new FrameError(`A message lacks ${name}`);
    return value;
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value !== "string") throw new FrameError(`A message's ${name} is not text`);
    return value;
  }

  number(name: string): number {
    return integer(this.value(name), name);
  }

  numbers(name: string): number[] {
    return this.list(name).map((value) => integer(value, name));
  }

  list(name: string): unknown[] {
    const value = this.value(name);
    if (!Array.isArray(value)) throw new FrameError(`A message's ${name} is not a list`);
    return value;
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    const text = this.text(name);
    const choice = choices.find((each) => each === text);
    if (choice === undefined) throw new FrameError(`A message's ${name} is none of ${choices}`);
    return choice;
  }
}

function integer(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new FrameError(`A message's ${name} is not an integer`);
  }
  return value;
}
