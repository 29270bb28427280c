// The label of a call in a frame's header: what it exchanges, such as "gradient of layers.0.weight".
//
//   0      4                                   64
//   | hash | UTF-8 text, filled up with zeros |
//
// The hash (FNV-1a of the text) shows whether the text was damaged, and saves the header's checksum from reading it at every call.
// A text that is too long is sent as its beginning, the hash of the whole and its end. Encoded labels are kept, as a training uses
// the same ones at every step.

import { checksum } from "./checksum.ts";

/** Length of an encoded label in bytes. */
export const LABEL_BYTES = 64;
/** Length of the hash, the first part of it. */
export const LABEL_HASH_BYTES = 4;

/** The encoded label, not to be changed; without a label all bytes are zero. */
export function encodedLabel(label: string): Uint8Array {
  if (label === "") return NO_LABEL;
  const known = encoded.get(label);
  if (known !== undefined) return known;
  // Labels may contain a step's number, and so be new at every step.
  if (encoded.size === MAX_KEPT) encoded.clear();
  const bytes = encode(label);
  encoded.set(label, bytes);
  return bytes;
}

/** The label, or what is left of it where it is too long; undefined if the text is not that of the hash. */
export function decodedLabel(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0, LABEL_HASH_BYTES);
  const text = bytes.subarray(LABEL_HASH_BYTES, end < 0 ? LABEL_BYTES : end);
  if (bytes.subarray(LABEL_HASH_BYTES + text.length).some((byte) => byte !== 0)) return undefined;
  const hash = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (hash !== (text.length === 0 ? 0 : checksum(text))) return undefined;
  return new TextDecoder().decode(text);
}

function encode(label: string): Uint8Array {
  // A zero would end the text.
  const whole = new TextEncoder().encode(label.replaceAll("\0", " "));
  const text = whole.length <= LABEL_BYTES - LABEL_HASH_BYTES ? whole : shortened(whole);
  const bytes = new Uint8Array(LABEL_BYTES);
  new DataView(bytes.buffer).setUint32(0, checksum(text), true);
  bytes.set(text, LABEL_HASH_BYTES);
  return bytes;
}

function shortened(whole: Uint8Array): Uint8Array {
  const decoder = new TextDecoder();
  const part = (bytes: Uint8Array) => decoder.decode(bytes).replaceAll("\ufffd", "");
  const hash = checksum(whole).toString(16).padStart(8, "0");
  const begin = part(whole.subarray(0, BEGIN_BYTES));
  const end = part(whole.subarray(-END_BYTES));
  return new TextEncoder().encode(`${begin}~${hash}~${end}`);
}

/** With the hash and two tildes as many as there is room for. */
const [BEGIN_BYTES, END_BYTES] = [32, 18];
const MAX_KEPT = 4096;
const NO_LABEL = new Uint8Array(LABEL_BYTES);
const encoded = new Map<string, Uint8Array>();
