// The text of a file as valid UTF-8, in chunks that end between characters. UTF-16 with a byte order mark is converted, a byte order
// mark of UTF-8 is dropped, and anything else is refused with its place.

import { hasUtf16Mark } from "./file_format.ts";
import { peeked } from "./peeked.ts";

type Chunks = AsyncIterable<Uint8Array<ArrayBuffer>>;
type Text = AsyncGenerator<Uint8Array<ArrayBuffer>>;

/**
 * The text in `chunks` of the bytes of the file `path`.
 *
 * @throws {TypeError} naming line and byte of the first that is no text
 */
export async function* utf8Chunks(chunks: Chunks, path: string): Text {
  const { first, all } = await peeked(withMarkInFirst(chunks));
  if (first === undefined) return;
  yield* hasUtf16Mark(first) ? convertedUtf16(all, path) : verifiedUtf8(all, path);
}

/** The same bytes, with at least four in the first chunk if there are as many. */
async function* withMarkInFirst(chunks: Chunks): Text {
  let start: Uint8Array<ArrayBuffer> | undefined = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = joined(start, chunk);
    if (start.length < 4) continue;
    yield start;
    start = undefined;
  }
  if (start !== undefined && start.length > 0) yield start;
}

async function* verifiedUtf8(chunks: Chunks, path: string): Text {
  let rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  const place = { path, line: 1, byte: 0 };
  for await (const chunk of chunks) {
    let bytes = rest.length === 0 ? chunk : joined(rest, chunk);
    if (place.byte === 0 && UTF8_MARK.every((byte, k) => bytes[k] === byte)) {
      bytes = bytes.subarray(UTF8_MARK.length);
      place.byte = UTF8_MARK.length;
    }
    const end = endOfCharacters(bytes);
    const text = bytes.subarray(0, end);
    rest = bytes.subarray(end);
    verify(text, place);
    if (text.length > 0) yield text;
  }
  if (rest.length > 0) throw notUtf8(place, rest[0]);
}

async function* convertedUtf16(chunks: Chunks, path: string): Text {
  let decoder: TextDecoder | undefined;
  const [encoder, place] = [new TextEncoder(), { path, line: 1, byte: 0 }];
  const decode = (bytes?: Uint8Array<ArrayBuffer>) => {
    try {
      return decoder!.decode(bytes, { stream: bytes !== undefined });
    } catch (cause) {
      const { line, byte } = place;
      throw new TypeError(
        `${path}:${line}: from byte ${byte} on there is no valid UTF-16, which the file begins with: convert it to UTF-8`,
        { cause },
      );
    }
  };
  for await (const bytes of chunks) {
    decoder ??= new TextDecoder(bytes[0] === 0xff ? "utf-16le" : "utf-16be", { fatal: true });
    const text = decode(bytes);
    place.byte += bytes.length;
    const utf8 = encoder.encode(text);
    place.line += countNewlines(utf8);
    if (utf8.length > 0) yield utf8;
  }
  decode();
}

interface Place {
  readonly path: string;
  /** From 1. */
  line: number;
  /** In the file, from 0. */
  byte: number;
}

/** Moves `place` past the text. @throws {TypeError} with the place of what is no UTF-8 */
function verify(text: Uint8Array<ArrayBuffer>, place: Place): void {
  if (!isValid(text)) {
    const at = firstInvalid(text);
    place.line += countNewlines(text.subarray(0, at));
    place.byte += at;
    throw notUtf8(place, text[at]);
  }
  place.line += countNewlines(text);
  place.byte += text.length;
}

function notUtf8({ path, line, byte }: Place, value: number): TypeError {
  return new TypeError(
    `${path}:${line}: byte ${byte} (0x${
      value.toString(16).padStart(2, "0")
    }) is no UTF-8; if it is Latin-1, convert it: ` +
      `iconv -f latin1 -t utf-8 '${path}' > utf8.txt`,
  );
}

function isValid(bytes: Uint8Array<ArrayBuffer>): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The position of the first character that is no UTF-8; there is one. */
function firstInvalid(bytes: Uint8Array<ArrayBuffer>): number {
  // Before `low` everything is valid and ends between characters, and before `high` it is not.
  let [low, high] = [0, bytes.length];
  while (high - low > 8) {
    const middle = low + endOfCharacters(bytes.subarray(low, (low + high) >> 1));
    if (middle > low && isValid(bytes.subarray(low, middle))) low = middle;
    else high = Math.max(middle, low + 1, (low + high) >> 1);
  }
  for (let at = low; at < bytes.length;) {
    const length = [1, 2, 3, 4].find((n) => isValid(bytes.subarray(at, at + n)));
    if (length === undefined) return at;
    at += length;
  }
  return bytes.length - 1;
}

/** The end of the last whole character. */
function endOfCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function countNewlines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

const UTF8_MARK = [0xef, 0xbb, 0xbf];
const NEWLINE = 0x0a;
