// CSV with a header: RFC 4180, with quotes and lines in them. The delimiter is that of the header: a comma, a semicolon or a tab.

import { type CsvError, parse } from "csv-parse";
import { pipeline, Readable } from "node:stream";
import { peeked } from "./peeked.ts";
import { errorAt, type Row } from "./row.ts";

/** The rows of CSV text. @throws {TypeError} naming the line with an error, or columns of one name */
export async function* csvRows(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  path: string,
): AsyncGenerator<Row> {
  const { first, all } = await peeked(chunks);
  if (first === undefined) return;
  const parser = parse({
    delimiter: delimiterOf(new TextDecoder().decode(first)),
    columns: (header: readonly string[]) => columnsOf(header, path),
    info: true,
    skip_empty_lines: true,
    relax_column_count: false,
  });
  // An error of the file ends the parser, too, where it is thrown; and a parser that is not read to its end closes the file.
  const closed = new Promise<void>((resolve) =>
    pipeline(Readable.from(all), parser, () => resolve())
  );
  try {
    for await (const { record, info } of parser) {
      yield { values: record, place: `${path}:${info.lines}`, isText: true };
    }
  } catch (error) {
    const { lines } = error as Partial<CsvError> & { readonly lines?: number };
    if (lines === undefined) throw error;
    throw errorAt(`${path}:${lines}`, error);
  } finally {
    parser.destroy();
    await closed;
  }
}

/** @throws {TypeError} if a name is there twice */
function columnsOf(header: readonly string[], path: string): string[] {
  const names = header.map((name) => name.trim());
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice === undefined) return names;
  throw new TypeError(
    `${path}:1: two columns are called ${JSON.stringify(twice)}: ${names.join(", ")}`,
  );
}

/** The delimiter that is in the header, outside of quotes. */
function delimiterOf(text: string): string {
  const header = text.replace(/"(?:[^"]|"")*"/g, "").split(/\r?\n/, 1)[0];
  const counts = [",", "\t", ";"].map((delimiter) => header.split(delimiter).length);
  return [",", "\t", ";"][counts.indexOf(Math.max(...counts))];
}
