// Parquet, a row group at a time: of each, only the columns that are wanted are read and unpacked.

import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { disk } from "../../checkpoint/disk.ts";
import type { ReadableFile } from "../../checkpoint/file_system.ts";
import { errorAt, type Row } from "./row.ts";

/** The names of the columns of a Parquet file. @throws {Error} naming the file, if it is none */
export async function parquetColumns(path: string): Promise<string[]> {
  using file = await disk.open(path);
  return namesOf(await metadataOf(file, path));
}

/**
 * The rows of a Parquet file.
 *
 * @throws {Error} naming the file, if it is none, or compressed in a way that cannot be unpacked
 */
export async function* parquetRows(
  path: string,
  { wanted }: { readonly wanted: readonly string[] },
): AsyncGenerator<Row> {
  using file = await disk.open(path);
  const metadata = await metadataOf(file, path);
  const columns = namesOf(metadata).filter((name) => wanted.includes(name));
  requireCodecs(metadata, { columns, path });
  let begin = 0;
  for (const { num_rows } of metadata.row_groups) {
    const end = begin + Number(num_rows);
    const range = { rowStart: begin, rowEnd: end };
    const rows = await parquetReadObjects({
      file: asBuffer(file),
      metadata,
      columns,
      compressors,
      ...range,
    })
      .catch((cause) => {
        throw errorAt(`${path}: rows ${begin + 1} to ${end}`, cause);
      });
    for (const [k, values] of rows.entries()) {
      yield { values, place: `${path}: row ${begin + k + 1}` };
    }
    begin = end;
  }
}

async function metadataOf(file: ReadableFile, path: string): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(asBuffer(file));
  } catch (cause) {
    throw errorAt(path, cause, ": it is no whole Parquet file");
  }
}

function namesOf({ schema: [root, ...elements] }: FileMetaData): string[] {
  const names: string[] = [];
  let at = 0;
  const skip = (): void => {
    const { num_children = 0 } = elements[at++];
    for (let k = 0; k < num_children; k++) skip();
  };
  for (let k = 0; k < (root.num_children ?? 0); k++) {
    names.push(elements[at].name);
    skip();
  }
  return names;
}

function requireCodecs(
  { row_groups }: FileMetaData,
  { columns, path }: { readonly columns: readonly string[]; readonly path: string },
): void {
  for (const { meta_data } of row_groups.flatMap(({ columns }) => columns)) {
    if (meta_data === undefined || !columns.includes(meta_data.path_in_schema[0])) continue;
    const { codec } = meta_data;
    if (codec === "UNCOMPRESSED" || codec in compressors) continue;
    throw new TypeError(
      `${path}: the column ${
        JSON.stringify(meta_data.path_in_schema[0])
      } is compressed as ${codec}; ` +
        `UNCOMPRESSED, ${
          Object.keys(compressors).join(", ")
        } can be read: write it again with one of them`,
    );
  }
}

function asBuffer(file: ReadableFile): AsyncBuffer {
  return {
    byteLength: file.size,
    slice: async (begin, end = file.size) => {
      const from = begin < 0 ? file.size + begin : begin;
      return (await file.read(from, end)).buffer;
    },
  };
}
