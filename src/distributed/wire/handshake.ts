// Mutual authentication: both ends of a connection prove that they hold the job's secret before they trust any message.
//
//   dialer                                                     acceptor
//     | opening ----------------------------------------------> |   "MESHFCT" version (1) protection (1) nonce (32)
//     | <---------------------------------------------- opening |
//     | HMAC(dialer) (32) hello -------------------------------> |   HMAC-SHA-256(secret, role | both openings | hello)
//     | <----- HMAC(acceptor) (32), or zeros for a wrong proof - |
//     | <--------------------------------- welcome or refused -- |   with keyed sums where they are used (session.ts)
//
// The dialer proves first: whoever connects without the secret learns nothing that it could try secrets against. Whoever
// makes a rank connect to it does get one proof, hence the strength that secrets must have (secret.ts). The roles in the
// proofs prevent reflection of an end's own proof; the nonces make each connection's proofs and keys its own. An acceptor
// reads at most 73 bytes and one hello before the proof, within a deadline. The secret itself is never sent.

import {
  decodeMessage,
  encodeMessage,
  type Hello,
  PREFIX_BYTES,
  readBody,
  readMessage,
} from "./control_message.ts";
import { deriveSession, type Integrity } from "./session.ts";
import { beginsTls, decodeRefusal, NO_TLS_ALERT, REFUSAL, REFUSAL_BYTES } from "./tls_errors.ts";
import type { Connection } from "./transport.ts";

/** The keys of one job, and how its ranks protect plain connections with them. */
export interface JobKey {
  readonly proofs: CryptoKey;
  readonly sessions: CryptoKey;
  readonly integrity: Integrity;
}

/** The other end does not hold this job's secret, or does not use this protocol in the same way. */
export class AuthenticationError extends Error {
  override readonly name = "AuthenticationError";
}

/** The other end uses another version of the protocol, another protection, or no TLS, or this end does not. */
export class OtherProtocolError extends AuthenticationError {}

/** The other end is authenticated and refuses this rank. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

/** Derives the keys from the secret's text. */
export async function importSecret(
  secret: string,
  integrity: Integrity = "keyed",
): Promise<JobKey> {
  const bytes = new TextEncoder().encode(`meshfactor job ${secret}`);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const proofs = await crypto.subtle.importKey("raw", bytes, hmac, false, ["sign", "verify"]);
  const sessions = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveBits"]);
  return { proofs, sessions, integrity };
}

/**
 * The dialer's side: sends a proof and `hello`, and verifies the acceptor's proof.
 *
 * @throws {AuthenticationError} if the acceptor holds another secret, or uses another protocol or protection.
 * @throws {RefusedError} with the acceptor's reason.
 * @throws {TlsError} if the acceptor refuses this end's certificate.
 */
export async function authenticateToAcceptor(
  connection: Connection,
  { key, hello }: { readonly key: JobKey; readonly hello: Hello },
): Promise<void> {
  const protection = protectionOf(connection, key);
  const mine = newOpening(protection);
  await connection.writeAll(mine);
  const theirs = new Uint8Array(OPENING_BYTES);
  await connection.readFully(theirs.subarray(0, MAGIC.length));
  await requireNoRefusal(connection, theirs);
  requireMagic(theirs);
  await connection.readFully(theirs.subarray(MAGIC.length));
  requireSameVersion(theirs);
  requireSameProtection(theirs, protection);
  const openings = join(mine, theirs);
  const message = encodeMessage(hello);
  const body = message.subarray(PREFIX_BYTES);
  const proof = await crypto.subtle.sign(
    "HMAC",
    key.proofs,
    join(role("dialer"), openings, body),
  );
  await connection.writeAll(join(new Uint8Array(proof), message));
  const answer = new Uint8Array(PROOF_BYTES);
  await connection.readFully(answer);
  const expected = join(role("acceptor"), openings, body);
  if (!await crypto.subtle.verify("HMAC", key.proofs, answer, expected)) {
    throw new AuthenticationError("The rank at the other end holds another secret");
  }
  await protect(connection, { key, protection, openings, role: "dialer" });
  const reply = await readMessage(connection);
  if (reply.kind === "refused") throw new RefusedError(reply.reason);
  if (reply.kind !== "welcome") {
    throw new AuthenticationError(`Expected a welcome, received ${reply.kind}`);
  }
}

/**
 * The acceptor's side: verifies the dialer's proof, sends one and returns the dialer's hello. The caller sends a welcome or
 * refusal.
 *
 * @throws {AuthenticationError} if the dialer holds another secret, or uses another protocol or protection.
 */
export async function authenticateDialer(connection: Connection, key: JobKey): Promise<Hello> {
  const protection = protectionOf(connection, key);
  const theirs = new Uint8Array(OPENING_BYTES);
  await connection.readFully(theirs.subarray(0, MAGIC.length + 1));
  if (beginsTls(theirs)) {
    await connection.writeAll(NO_TLS_ALERT);
    await connection.finish();
  }
  requireMagic(theirs);
  const mine = newOpening(protection);
  if (theirs[MAGIC.length] !== VERSION) await answerOtherVersion(connection, mine);
  requireSameVersion(theirs);
  await connection.readFully(theirs.subarray(MAGIC.length + 1));
  // Before the comparison, so that the dialer finds the difference too.
  await connection.writeAll(mine);
  requireSameProtection(theirs, protection);
  const proof = new Uint8Array(PROOF_BYTES);
  await connection.readFully(proof);
  const body = await readBody(connection, MAX_HELLO_BYTES);
  const openings = join(theirs, mine);
  const covered = join(role("dialer"), openings, body);
  if (!await crypto.subtle.verify("HMAC", key.proofs, proof, covered)) {
    await connection.writeAll(new Uint8Array(PROOF_BYTES));
    throw new AuthenticationError("The dialer holds another secret");
  }
  const hello = decodeMessage(body);
  if (hello.kind !== "hello") {
    throw new AuthenticationError(`Expected a hello, received ${hello.kind}`);
  }
  const answer = join(role("acceptor"), openings, body);
  await connection.writeAll(
    new Uint8Array(await crypto.subtle.sign("HMAC", key.proofs, answer)),
  );
  await protect(connection, { key, protection, openings, role: "acceptor" });
  return hello;
}

/** `none`: bytes cannot be changed in transit, or only with an error. */
type Protection = "none" | Integrity;

function protectionOf(connection: Connection, { integrity }: JobKey): Protection {
  return connection.isUnprotected ? integrity : "none";
}

/** From now on the connection has a session, if it uses keyed sums. */
async function protect(
  connection: Connection,
  { key, protection, openings, role }: {
    readonly key: JobKey;
    readonly protection: Protection;
    readonly openings: Uint8Array<ArrayBuffer>;
    readonly role: "dialer" | "acceptor";
  },
): Promise<void> {
  if (protection !== "keyed") return;
  connection.session = await deriveSession(key.sessions, { salt: openings, role });
}

function newOpening(protection: Protection): Uint8Array<ArrayBuffer> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const kinds = Uint8Array.of(VERSION, PROTECTIONS.indexOf(protection));
  return join(MAGIC, kinds, nonce);
}

/** The acceptor has found something wrong with the dialer's certificate, or uses TLS where this end does not. */
async function requireNoRefusal(connection: Connection, begin: Uint8Array): Promise<void> {
  if (beginsTls(begin)) {
    throw new OtherProtocolError(
      "The rank at the other end uses TLS, this one does not: give certificates to all ranks or to none",
    );
  }
  const bytes = new Uint8Array(REFUSAL_BYTES);
  bytes.set(begin.subarray(0, REFUSAL.length));
  if (new TextDecoder().decode(bytes.subarray(0, REFUSAL.length)) !== REFUSAL) return;
  await connection.readFully(bytes.subarray(REFUSAL.length));
  throw decodeRefusal(bytes);
}

function requireMagic(opening: Uint8Array): void {
  if (!MAGIC.every((byte, index) => opening[index] === byte)) {
    throw new AuthenticationError("The other end is not a rank of Meshfactor");
  }
}

/** The dialer compares it with its own version; the first one expects an answer of this length. */
async function answerOtherVersion(connection: Connection, mine: Uint8Array): Promise<void> {
  await connection.writeAll(join(mine, new Uint8Array(FIRST_VERSION_ANSWER_BYTES - mine.length)));
  await connection.finish();
}

function requireSameVersion(theirs: Uint8Array): void {
  const version = theirs[MAGIC.length];
  if (version !== VERSION) {
    const name = (version: number) => String.fromCharCode(version);
    throw new OtherProtocolError(
      `The rank at the other end uses version ${name(version)} of the protocol, this one version ` +
        `${name(VERSION)}: run the same version of Meshfactor on all hosts`,
    );
  }
}

function requireSameProtection(theirs: Uint8Array, mine: Protection): void {
  const protection = PROTECTIONS[theirs[MAGIC.length + 1]];
  if (protection !== mine) {
    throw new OtherProtocolError(
      `The rank at the other end protects this connection by "${protection}", this one by "${mine}": give all ` +
        "ranks the same MESHFACTOR_INTEGRITY, and certificates for TLS to all of them or to none",
    );
  }
}

function role(name: "dialer" | "acceptor"): Uint8Array {
  return new TextEncoder().encode(`${name}\0`);
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

const MAGIC = new TextEncoder().encode("MESHFCT");
/** A digit, as in the first version. */
const VERSION = "2".charCodeAt(0);
const PROTECTIONS: readonly Protection[] = ["none", "checksum", "keyed"];
const NONCE_BYTES = 32;
const OPENING_BYTES = MAGIC.length + 2 + NONCE_BYTES;
const PROOF_BYTES = 32;
const FIRST_VERSION_ANSWER_BYTES = 72;
const MAX_HELLO_BYTES = 1024;
