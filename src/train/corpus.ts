// A text of bytes, divided into blocks, of which every tenth is held out.

/** Bytes for training, and bytes for evaluation that are never trained on. */
export interface Corpus {
  readonly train: Uint8Array<ArrayBuffer>;
  readonly heldOut: Uint8Array<ArrayBuffer>;
}

/** Holds out every tenth block. @throws {RangeError} if there is too little text for ten blocks. */
export function splitCorpus(text: Uint8Array): Corpus {
  if (text.length < LEAST) {
    throw new RangeError(
      `Cannot train on ${text.length} bytes of text: at least ${LEAST} are needed; give more with --data`,
    );
  }
  const train: Uint8Array[] = [];
  const heldOut: Uint8Array[] = [];
  for (let begin = 0; begin < text.length; begin += BLOCK) {
    const part = (begin / BLOCK) % 10 === 9 ? heldOut : train;
    part.push(text.subarray(begin, begin + BLOCK));
  }
  return { train: concatenate(train), heldOut: concatenate(heldOut) };
}

/** Bytes per block. */
const BLOCK = 4096;
/** Enough for one held-out block. */
const LEAST = 10 * BLOCK;

/** Concatenates the parts. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
