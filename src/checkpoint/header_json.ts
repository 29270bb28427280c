// The JSON of a safetensors header, read in one pass over its bytes. JSON.parse() would make objects of any text first, which takes
// fifty times the memory of the text, keeps the last of two equal keys and drops nothing by name. Only what the format has is read:
//
//   {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..., "__metadata__": {"format": "pt"}}

import { SafetensorsError } from "./safetensors_error.ts";

/** A tensor as the header describes it. */
export interface RawEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** From the end of the header. */
  readonly offsets: readonly [begin: number, end: number];
}

/** What {@linkcode readHeader} calls, in the order of the header. */
export interface HeaderVisitor {
  /** A tensor; no name comes twice. */
  entry(name: string, entry: RawEntry): void;
  /** A text stored beside the tensors. */
  metadata(key: string, value: string): void;
}

/** The key of texts stored beside the tensors. */
export const METADATA = "__metadata__";

/** Reads a whole header. @throws {SafetensorsError} naming the key that is wrong, twice there or missing, or the byte */
export function readHeader(json: Uint8Array, visitor: HeaderVisitor): void {
  const reader = new HeaderReader(json);
  reader.refuseByteOrderMark();
  const names = new Set<string>();
  reader.object("The header", (name) => {
    if (names.has(name)) throw new SafetensorsError(`The header has ${name} twice`);
    names.add(name);
    if (name === METADATA) readMetadata(reader, visitor);
    else visitor.entry(name, readEntry(reader, name));
  });
  reader.end();
}

function readMetadata(reader: HeaderReader, visitor: HeaderVisitor): void {
  const keys = new Set<string>();
  reader.object(`The header's ${METADATA}`, (key) => {
    if (keys.has(key)) throw new SafetensorsError(`The header's ${METADATA} has ${key} twice`);
    keys.add(key);
    visitor.metadata(key, reader.string(`The header's ${METADATA}.${key}`));
  });
}

function readEntry(reader: HeaderReader, name: string): RawEntry {
  const found: { dtype?: string; shape?: number[]; data_offsets?: number[] } = {};
  reader.object(`The header's ${name}`, (key) => {
    const where = `The header's ${name}.${key}`;
    if (key !== "dtype" && key !== "shape" && key !== "data_offsets") {
      throw new SafetensorsError(
        `${where} is unknown: a tensor has dtype, shape and data_offsets`,
      );
    }
    if (found[key] !== undefined) {
      throw new SafetensorsError(`The header's ${name} has ${key} twice`);
    }
    if (key === "dtype") found.dtype = reader.string(where);
    else found[key] = reader.integers(where);
  });
  const { dtype, shape, data_offsets: offsets } = found;
  for (const key of ["dtype", "shape", "data_offsets"] as const) {
    if (found[key] === undefined) {
      throw new SafetensorsError(`The header's ${name}.${key} is missing`);
    }
  }
  if (offsets!.length !== 2) {
    throw new SafetensorsError(
      `The header's ${name}.data_offsets must be two numbers, got ${offsets!.length}`,
    );
  }
  return { dtype: dtype!, shape: shape!, offsets: [offsets![0], offsets![1]] };
}

/** A position in the bytes of a header. */
class HeaderReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  refuseByteOrderMark(): void {
    if (this.#bytes[0] !== 0xef || this.#bytes[1] !== 0xbb) return;
    throw new SafetensorsError(
      "The header is not JSON: it begins with a byte order mark (BOM), which JSON does not allow",
    );
  }

  /** Reads an object; `member` reads the value of each key. */
  object(what: string, member: (key: string) => void): void {
    if (this.#next() !== "{") throw this.#wrong(what, "an object");
    this.#at++;
    if (this.#skip("}")) return;
    do {
      const key = this.string(`A key of ${what}`);
      this.#require(":");
      member(key);
    } while (this.#skip(","));
    this.#require("}");
  }

  /** Reads a text. */
  string(what: string): string {
    if (this.#next() !== '"') throw this.#wrong(what, "a text");
    const begin = this.#at++;
    let isPlain = true;
    for (;; this.#at++) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw this.#cutOff();
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) {
        isPlain = false;
        this.#at++;
      } else if (byte < SPACE) {
        throw new SafetensorsError(
          `The header is not JSON: a control character at byte ${this.#at}`,
        );
      }
    }
    this.#at++;
    try {
      return isPlain
        ? utf8.decode(this.#bytes.subarray(begin + 1, this.#at - 1))
        : JSON.parse(utf8.decode(this.#bytes.subarray(begin, this.#at)));
    } catch (error) {
      throw new SafetensorsError(
        `The header is not JSON: the text at byte ${begin}: ${
          error instanceof Error ? error.message : error
        }`,
      );
    }
  }

  /** Reads an array of integers of at least 0. */
  integers(what: string): number[] {
    if (this.#next() !== "[") throw this.#wrong(what, "an array");
    this.#at++;
    const values: number[] = [];
    if (this.#skip("]")) return values;
    do values.push(this.#integer(what)); while (this.#skip(","));
    this.#require("]");
    return values;
  }

  /** Requires that nothing but blanks follows. */
  end(): void {
    if (this.#next() === "") return;
    throw new SafetensorsError(`The header is not JSON: more text at byte ${this.#at}`);
  }

  #integer(what: string): number {
    if (!/[0-9]/.test(this.#next())) throw this.#wrong(what, "integers >= 0");
    const begin = this.#at;
    let value = 0;
    for (let digit; (digit = this.#bytes[this.#at] - ZERO) >= 0 && digit <= 9; this.#at++) {
      value = 10 * value + digit;
    }
    const hasLeadingZero = this.#at - begin > 1 && this.#bytes[begin] === ZERO;
    const isOver = /[^\s,\]]/.test(this.#next());
    if (!hasLeadingZero && !isOver && Number.isSafeInteger(value)) return value;
    this.#at = begin;
    throw this.#wrong(what, "integers >= 0 and below 2^53");
  }

  /** The next character that is no blank; "" at the end. */
  #next(): string {
    while (BLANKS.has(this.#bytes[this.#at])) this.#at++;
    return this.#at < this.#bytes.length ? String.fromCharCode(this.#bytes[this.#at]) : "";
  }

  #skip(char: string): boolean {
    const isNext = this.#next() === char;
    if (isNext) this.#at++;
    return isNext;
  }

  #require(char: string): void {
    if (this.#skip(char)) return;
    if (this.#at >= this.#bytes.length) throw this.#cutOff();
    throw new SafetensorsError(
      `The header is not JSON: wanted ${char} at byte ${this.#at}, got ${this.#given()}`,
    );
  }

  #wrong(what: string, wanted: string): SafetensorsError {
    if (this.#next() === "") return this.#cutOff();
    return new SafetensorsError(
      `${what} must be ${wanted}, got ${this.#given()} at byte ${this.#at}`,
    );
  }

  #cutOff(): SafetensorsError {
    return new SafetensorsError(
      `The header is not JSON: it ends within a value, at byte ${this.#bytes.length}`,
    );
  }

  /** The text at this position, for messages. */
  #given(): string {
    const bytes = this.#bytes.subarray(this.#at, this.#at + 24);
    return new TextDecoder().decode(bytes).split(/(?<=.)[\s,\]}]/, 1)[0];
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const ZERO = 0x30;
const BLANKS = new Set([SPACE, 0x09, 0x0a, 0x0d]);
