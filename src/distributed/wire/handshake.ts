// Mutual authentication: both ends of a connection prove that they hold the job's secret before they trust any message.
//
//   dialer                                          acceptor
//     | "MESHFCT1" nonceD (32) ------------------------> |
//     | <------ "MESHFCT1" nonceA (32) HMAC(acceptor) -- |   HMAC-SHA-256(secret, role | nonceD | nonceA | hello)
//     | HMAC(dialer) (32) hello ----------------------> |   the acceptor's HMAC does not cover a hello
//     | <----------------------- welcome or refused ---- |
//
// The roles in the proofs prevent reflection of an end's own proof. An acceptor reads at most 72 bytes and one hello before
// the proof, within a deadline. The secret itself is never sent.

import {
  decodeMessage,
  encodeMessage,
  type Hello,
  PREFIX_BYTES,
  readBody,
  readMessage,
} from "./control_message.ts";
import type { Connection } from "./transport.ts";

/** The HMAC key of one job. */
export type JobKey = CryptoKey;

/** The other end does not hold this job's secret, or does not use this protocol. */
export class AuthenticationError extends Error {
  override readonly name = "AuthenticationError";
}

/** The other end is authenticated and refuses this rank. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

/** Derives the key from the secret's text. */
export function importSecret(secret: string): Promise<JobKey> {
  const bytes = new TextEncoder().encode(`meshfactor job ${secret}`);
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
}

/**
 * The dialer's side: sends a proof, verifies the acceptor's and sends `hello`.
 *
 * @throws {AuthenticationError} if the acceptor holds another secret or uses another protocol.
 * @throws {RefusedError} with the acceptor's reason.
 */
export async function authenticateToAcceptor(
  connection: Connection,
  { key, hello }: { readonly key: JobKey; readonly hello: Hello },
): Promise<void> {
  const mine = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  await connection.writeAll(join(MAGIC, mine));
  const answer = new Uint8Array(MAGIC.length + NONCE_BYTES + PROOF_BYTES);
  await connection.readFully(answer);
  if (!startsWithMagic(answer)) {
    throw new AuthenticationError("The other end is not a rank of Meshfactor");
  }
  const theirs = answer.slice(MAGIC.length, MAGIC.length + NONCE_BYTES);
  const proof = answer.slice(MAGIC.length + NONCE_BYTES);
  if (!await crypto.subtle.verify("HMAC", key, proof, statement("acceptor", mine, theirs))) {
    throw new AuthenticationError("The rank at the other end holds another secret");
  }
  const message = encodeMessage(hello);
  const covered = join(statement("dialer", mine, theirs), message.subarray(PREFIX_BYTES));
  const ours = new Uint8Array(await crypto.subtle.sign("HMAC", key, covered));
  await connection.writeAll(join(ours, message));
  const reply = await readMessage(connection);
  if (reply.kind === "refused") throw new RefusedError(reply.reason);
  if (reply.kind !== "welcome") {
    throw new AuthenticationError(`Expected a welcome, received ${reply.kind}`);
  }
}

/**
 * The acceptor's side: sends a proof, verifies the dialer's and returns its hello. The caller sends a welcome or refusal.
 *
 * @throws {AuthenticationError} if the dialer holds another secret or uses another protocol.
 */
export async function authenticateDialer(connection: Connection, key: JobKey): Promise<Hello> {
  const opening = new Uint8Array(MAGIC.length + NONCE_BYTES);
  await connection.readFully(opening.subarray(0, MAGIC.length));
  if (!startsWithMagic(opening)) throw new AuthenticationError("Not a rank of Meshfactor");
  await connection.readFully(opening.subarray(MAGIC.length));
  const theirs = opening.slice(MAGIC.length);
  const mine = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const ours = await crypto.subtle.sign("HMAC", key, statement("acceptor", theirs, mine));
  await connection.writeAll(join(MAGIC, mine, new Uint8Array(ours)));
  const proof = new Uint8Array(PROOF_BYTES);
  await connection.readFully(proof);
  const body = await readBody(connection, MAX_HELLO_BYTES);
  const covered = join(statement("dialer", theirs, mine), body);
  if (!await crypto.subtle.verify("HMAC", key, proof, covered)) {
    throw new AuthenticationError("The dialer holds another secret");
  }
  const hello = decodeMessage(body);
  if (hello.kind !== "hello") {
    throw new AuthenticationError(`Expected a hello, received ${hello.kind}`);
  }
  return hello;
}

/** The bytes that a proof covers, apart from the hello. */
function statement(
  role: "dialer" | "acceptor",
  dialerNonce: Uint8Array,
  acceptorNonce: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return join(new TextEncoder().encode(`${role}\0`), dialerNonce, acceptorNonce);
}

function startsWithMagic(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

const MAGIC = new TextEncoder().encode("MESHFCT1");
const NONCE_BYTES = 32;
const PROOF_BYTES = 32;
const MAX_HELLO_BYTES = 1024;
