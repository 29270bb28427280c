// Mutual proof that both ends of a connection hold the job's secret, before anything else is believed.
//
//   dialer                                          acceptor
//     | "MESHFCT1" nonceD (32) ------------------------> |
//     | <------ "MESHFCT1" nonceA (32) HMAC(acceptor) -- |   HMAC-SHA-256(secret, role | nonceD | nonceA | hello)
//     | HMAC(dialer) (32) hello ----------------------> |   the acceptor's covers no hello
//     | <----------------------- welcome or refused ---- |
//
// The roles in the proofs keep an attacker from reflecting one end's proof to it. What an acceptor reads before the
// proof is bounded: 72 bytes, one hello and one deadline. The secret itself never travels.

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

/** The other end does not hold this job's secret, or does not speak this protocol. */
export class ProofError extends Error {
  override readonly name = "ProofError";
}

/** The other end holds the secret but does not want us. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

/** Makes the key from the secret's text. */
export function importSecret(secret: string): Promise<JobKey> {
  const bytes = new TextEncoder().encode(`meshfactor job ${secret}`);
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
}

/**
 * The dialer's side: proves itself, checks the acceptor's proof and says `hello`.
 *
 * @throws {ProofError} if the acceptor holds another secret or speaks something else.
 * @throws {RefusedError} with the acceptor's reason.
 */
export async function introduce(
  connection: Connection,
  { key, hello }: { readonly key: JobKey; readonly hello: Hello },
): Promise<void> {
  const mine = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  await connection.writeAll(join(MAGIC, mine));
  const answer = new Uint8Array(MAGIC.length + NONCE_BYTES + PROOF_BYTES);
  await connection.readFully(answer);
  if (!startsWithMagic(answer)) throw new ProofError("What answers is not a rank of Meshfactor");
  const theirs = answer.slice(MAGIC.length, MAGIC.length + NONCE_BYTES);
  const proof = answer.slice(MAGIC.length + NONCE_BYTES);
  if (!await crypto.subtle.verify("HMAC", key, proof, statement("acceptor", mine, theirs))) {
    throw new ProofError("The rank that answers holds another secret");
  }
  const message = encodeMessage(hello);
  const covered = join(statement("dialer", mine, theirs), message.subarray(PREFIX_BYTES));
  const ours = new Uint8Array(await crypto.subtle.sign("HMAC", key, covered));
  await connection.writeAll(join(ours, message));
  const reply = await readMessage(connection);
  if (reply.kind === "refused") throw new RefusedError(reply.reason);
  if (reply.kind !== "welcome") throw new ProofError(`A welcome was due, ${reply.kind} came`);
}

/**
 * The acceptor's side: proves itself, checks the dialer's proof and returns its hello. A welcome or refusal is due then.
 *
 * @throws {ProofError} if the dialer holds another secret or speaks something else.
 */
export async function admit(connection: Connection, key: JobKey): Promise<Hello> {
  const opening = new Uint8Array(MAGIC.length + NONCE_BYTES);
  await connection.readFully(opening.subarray(0, MAGIC.length));
  if (!startsWithMagic(opening)) throw new ProofError("Not a rank of Meshfactor");
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
    throw new ProofError("The dialer holds another secret");
  }
  const hello = decodeMessage(body);
  if (hello.kind !== "hello") throw new ProofError(`A hello was due, ${hello.kind} came`);
  return hello;
}

/** What a proof is made over, apart from the hello. */
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
