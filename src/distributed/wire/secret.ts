// The strength of a job's secret: whoever makes a rank connect to it receives one proof, and can try secrets against that
// without asking anyone. 128 random bits cannot be found so, a word can (459,000 tries a second were measured).
//
// Randomness is not visible in a text, so its length counts, by the alphabet that it is written in.

/** The secret could be found by trying. */
export class WeakSecretError extends TypeError {
  /** "WeakSecretError" */
  override readonly name = "WeakSecretError";
}

/**
 * Refuses a secret that is too short to hold 128 bits.
 *
 * @throws {WeakSecretError} with a command that makes a good one.
 */
export function requireStrongSecret(secret: string): void {
  const { alphabet, bits } = ALPHABETS.find(({ pattern }) => pattern.test(secret)) ?? BYTES;
  const length = alphabet === BYTES.alphabet
    ? new TextEncoder().encode(secret).length
    : secret.replace(/=+$/, "").length;
  const needed = Math.ceil(MIN_BITS / bits);
  if (length < needed) {
    throw new WeakSecretError(
      `The job's secret has ${length} ${alphabet}, but at least ${needed} are needed (${MIN_BITS} bits), as a ` +
        `shorter one can be found by trying: ${SECRET_ADVICE}`,
    );
  }
  const different = new Set(secret).size;
  if (different < MIN_DIFFERENT) {
    throw new WeakSecretError(
      `The job's secret consists of ${different} different characters, so it can be found by trying: ${SECRET_ADVICE}`,
    );
  }
}

/** A new secret of 256 bits. */
export function randomSecret(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** How to make a secret and where to put it, for errors. */
export const SECRET_ADVICE =
  "make one with `openssl rand -hex 32`, and set MESHFACTOR_SECRET to it on all ranks";

const MIN_BITS = 128;
/** 32 random hexadecimal digits have fewer once in 25 million times. */
const MIN_DIFFERENT = 8;
const BYTES = { alphabet: "bytes", bits: 8 };
const ALPHABETS = [
  { alphabet: "hexadecimal digits", bits: 4, pattern: /^[0-9a-f]*$|^[0-9A-F]*$/ },
  { alphabet: "letters and digits", bits: 6, pattern: /^[A-Za-z0-9+/_-]*=*$/ },
];
