// JSON Lines: an object on each line. Blank lines are skipped, and a line may be as long as a string can be.

import { errorAt, type Row, rowOf } from "./row.ts";

/** A line of text without its end. */
export interface TextLine {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

/** The lines of UTF-8 text, which end in LF or CRLF. @throws {TypeError} naming a line that is longer than a string can be */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { path, mostLength = 2 ** 29 - 25 }: { readonly path: string; readonly mostLength?: number },
): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let number = 1;
  let length = 0;
  /** The parts of a line that has not ended. */
  let parts: string[] = [];
  for await (const bytes of chunks) {
    const lines = decoder.decode(bytes).split("\n");
    const last = lines.pop()!;
    for (const line of lines) {
      parts.push(line);
      yield { text: withoutReturn(parts.join("")), number: number++ };
      parts = [];
      length = 0;
    }
    if (last.length > 0) parts.push(last);
    length += last.length;
    if (length > mostLength) {
      throw new TypeError(`${path}:${number}: the line is longer than ${mostLength} characters`);
    }
  }
  if (parts.length > 0) yield { text: withoutReturn(parts.join("")), number };
}

/** The rows of JSON Lines. @throws {TypeError} naming the line that is no object */
export async function* jsonLines(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  path: string,
): AsyncGenerator<Row> {
  for await (const { text, number } of linesOf(chunks, { path })) {
    if (text.trim() === "") continue;
    const place = `${path}:${number}`;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw errorAt(place, cause, "; every line must be one JSON object");
    }
    yield rowOf(value, place);
  }
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
