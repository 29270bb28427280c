// A .json file: a list of objects, or JSON Lines under another name. A list is parsed as it is read, an object at a time.

import { JSONParser } from "@streamparser/json";
import { jsonLines } from "./json_lines.ts";
import { peeked } from "./peeked.ts";
import { errorAt, type Row, rowOf } from "./row.ts";

/** The rows of a .json file. @throws {TypeError} naming the file and the object that is wrong */
export async function* jsonRows(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  path: string,
): AsyncGenerator<Row> {
  const { first, all } = await peeked(chunks);
  if (first === undefined) return;
  const start = new TextDecoder().decode(first.subarray(0, 1024)).trimStart();
  yield* start.startsWith("[") ? listed(all, path) : jsonLines(all, path);
}

async function* listed(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  path: string,
): AsyncGenerator<Row> {
  let number = 0;
  const found: unknown[] = [];
  const parser = new JSONParser({ paths: ["$.*"], keepStack: false });
  parser.onValue = ({ value }) => found.push(value);
  const write = (bytes?: Uint8Array<ArrayBuffer>) => {
    try {
      if (bytes === undefined) parser.end();
      else parser.write(bytes);
    } catch (cause) {
      throw errorAt(`${path}: after ${number + found.length} whole records`, cause);
    }
  };
  const rows = function* () {
    for (const value of found.splice(0)) yield rowOf(value, `${path}: record ${++number}`);
  };
  for await (const bytes of chunks) {
    write(bytes);
    yield* rows();
  }
  if (!parser.isEnded) write();
  yield* rows();
}
