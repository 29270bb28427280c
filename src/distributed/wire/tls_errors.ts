// Errors of TLS with their cause: what the dialer finds wrong with the acceptor, what the acceptor finds wrong with the dialer
// and tells it, and a rank without TLS at either end.

/** The two ends of a connection do not accept each other's certificates, or only one uses TLS. */
export class TlsError extends Error {
  /** "TlsError" */
  override readonly name = "TlsError";
}

/** The error for a handshake that failed with `cause`; undefined if it may succeed later. */
export function tlsError(cause: unknown): TlsError | undefined {
  const text = cause instanceof Error ? cause.message : String(cause);
  const found = CAUSES.find(({ pattern }) => pattern.test(text));
  return found && new TlsError(`${found.says} (${text})`, { cause });
}

/** What an acceptor sends inside of TLS instead of its opening: OpenSSL's name for what is wrong with the certificate. */
export function encodeRefusal(code: string): Uint8Array {
  return new TextEncoder().encode(REFUSAL + code.slice(0, CODE_BYTES).padEnd(CODE_BYTES));
}

/** Bytes of a refusal. */
export const REFUSAL_BYTES = 7 + 48;

/** The error for a refusal, which begins with `REFUSAL`. */
export function decodeRefusal(bytes: Uint8Array): TlsError {
  const code = new TextDecoder().decode(bytes).slice(REFUSAL.length).replaceAll(/[^A-Z_]/g, "");
  const why = CODES.get(code) ??
    "is not signed by an authority of that rank (MESHFACTOR_TLS_CA there), or may not be used by clients";
  return new TlsError(
    `The rank at the other end refuses this rank's certificate, which ${why} (${code})`,
  );
}

/** The begin of a refusal, as long as that of an opening. */
export const REFUSAL = "MESHTLS";

/** True for the begin of a record of TLS: a greeting or an alert. */
export function beginsTls([type, version]: Uint8Array): boolean {
  return (type === 0x16 || type === 0x15) && version === 3;
}

/** The alert "access denied", which no server with TLS sends in this protocol: this rank does not use TLS. */
export const NO_TLS_ALERT = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 49);

const CODE_BYTES = REFUSAL_BYTES - REFUSAL.length;
const CODES = new Map([
  ["CERT_HAS_EXPIRED", "has expired"],
  ["CERT_NOT_YET_VALID", "is not valid yet"],
]);
const ITS = "The certificate of the rank at the other end";
const CAUSES: readonly { readonly pattern: RegExp; readonly says: string }[] = [
  {
    pattern: /invalid peer certificate: (UnknownIssuer|BadSignature)/,
    says: `${ITS} is not signed by an authority of this rank (MESHFACTOR_TLS_CA)`,
  },
  {
    pattern: /invalid peer certificate: .*(not valid for name|NotValidForName)/,
    says: `${ITS} is not valid for the address that this rank reaches it by`,
  },
  { pattern: /invalid peer certificate: .*[Ee]xpired/, says: `${ITS} has expired` },
  {
    pattern: /invalid peer certificate: .*([Nn]ot valid yet|NotValidYet)/,
    says: `${ITS} is not valid yet`,
  },
  { pattern: /invalid peer certificate/, says: `${ITS} is invalid` },
  {
    pattern: /received fatal alert: AccessDenied/,
    says: "The rank at the other end does not use TLS: give certificates to all ranks or to none",
  },
];
