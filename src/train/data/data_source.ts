// Data as people have it: files and folders of text, of records, or of images, read as a stream and more than once.

import { createHash } from "node:crypto";
import { csvRows } from "./csv_rows.ts";
import { type DataFile, type FileGroup, findFiles, folderLabel } from "./data_files.ts";
import { fileChunks, fileStart, spooled } from "./file_bytes.ts";
import { formatOfBytes } from "./file_format.ts";
import { jsonRows } from "./json_array.ts";
import { jsonLines } from "./json_lines.ts";
import type { LeftOut } from "./left_out.ts";
import { parquetColumns, parquetRows } from "./parquet_rows.ts";
import { type DataRecord, type RecordKind, type RecordReader, recordReader } from "./records.ts";
import type { Row } from "./row.ts";
import { utf8Chunks } from "./utf8_text.ts";

/** A text that is not continued by the one after it. */
export interface TextDocument {
  /** Where it is: a file, or a line of it. */
  readonly place: string;
  /** Valid UTF-8 in pieces that end between characters. To be read before the next document, or not at all. */
  readonly pieces: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** Data of one kind. Disposing it removes the temporary file of standard input. */
export interface DataSource<Kind extends RecordKind = RecordKind> extends AsyncDisposable {
  readonly kind: Kind;
  readonly files: readonly DataFile[];
  /** Whether the files are temporary, with what came on standard input. */
  readonly isTemporary: boolean;
  /** Files that are not read, and why. */
  readonly leftOut: readonly LeftOut[];
  /** All records, in order; a text file is one record. @throws {Error} naming file and line of what cannot be read */
  records(): AsyncGenerator<DataRecord<Kind>>;
  /** All texts of a source of the kind `text`, in order, of any length. @throws {Error} as `records` */
  documents(): AsyncGenerator<TextDocument>;
  /** SHA-256 of paths, sizes, times of change and inodes of the files: equal for files that did not change. */
  identity(): Promise<string>;
}

/** What {@linkcode openData} needs to know. */
export interface DataOptions<Kind extends RecordKind = RecordKind> {
  /** The kinds that are of use; by default all. */
  readonly kinds?: readonly Kind[] | undefined;
  /** Read for the path `-`. Default: standard input. */
  readonly stdin?: AsyncIterable<Uint8Array>;
}

/**
 * Finds the files of `paths`, files and folders, or `-` for standard input, and which kind of data they hold.
 *
 * @throws {Error} if there is nothing to read, files have different kinds, or columns of no kind or of several
 */
export async function openData<Kind extends RecordKind = RecordKind>(
  paths: readonly string[],
  { kinds = KINDS as readonly Kind[], stdin }: DataOptions<Kind> = {},
): Promise<DataSource<Kind>> {
  if (paths.length === 0) throw new TypeError("Wanted files or folders of data, got none");
  if (paths.includes("-") && paths.length > 1) {
    throw new TypeError(`"-", standard input, is read alone, and not beside ${paths.join(", ")}`);
  }
  await using scope = new AsyncDisposableStack();
  const found = paths[0] === "-"
    ? await spooledFiles(scope.use(await spooled(stdin ?? Deno.stdin.readable)))
    : await findFiles(paths, { wanted: groupsFor(kinds) });
  const { group, files, leftOut } = found;
  const readers = group === "records" ? await readersFor(files, kinds) : undefined;
  const kind = (group === "images" ? "image" : readers?.[0].kind ?? "text") as Kind;
  if (!kinds.includes(kind)) {
    throw new TypeError(
      `${paths.join(", ")}: found ${kind} data, and wanted is ${kinds.join(" or ")}`,
    );
  }
  const owned = scope.move();
  const source: DataSource<RecordKind> = {
    kind,
    files,
    leftOut,
    isTemporary: paths[0] === "-",
    records: () => readRecords(files, readers),
    documents: () => readDocuments(files, readers),
    identity: () => identityOf(files),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  return source as DataSource<Kind>;
}

async function spooledFiles(
  { path, size }: { readonly path: string; readonly size: number },
): Promise<{ group: FileGroup; files: DataFile[]; leftOut: LeftOut[] }> {
  if (size === 0) throw new TypeError("standard input is empty: pipe text or JSON Lines into it");
  const format = formatOfBytes(await fileStart(path));
  return {
    group: format === "text" ? "text" : "records",
    files: [{ path, size, format }],
    leftOut: [],
  };
}

/** A reader for each file, all of the same kind. */
async function readersFor(
  files: readonly DataFile[],
  kinds: readonly RecordKind[],
): Promise<RecordReader[]> {
  const readers: RecordReader[] = [];
  for (const file of files) {
    const { path } = file;
    const reader = recordReader(await columnsOf(file), { kinds, path });
    const [first] = readers;
    if (first !== undefined && first.kind !== reader.kind) {
      throw new TypeError(
        `${files[0].path} has ${first.kind} records and ${path} ${reader.kind}: give them apart`,
      );
    }
    readers.push(reader);
  }
  return readers;
}

/** The columns of a file, or of its first record. */
async function columnsOf(file: DataFile): Promise<string[]> {
  if (file.format === "parquet") return await parquetColumns(file.path);
  for await (const { values } of rowsOf(file, [])) return Object.keys(values);
  throw new TypeError(`${file.path} has no records`);
}

async function* readRecords(
  files: readonly DataFile[],
  readers: readonly RecordReader[] | undefined,
): AsyncGenerator<DataRecord> {
  for (const [k, file] of files.entries()) {
    const { path } = file;
    if (file.format === "image") yield { place: path, path, label: folderLabel(path) };
    else if (readers === undefined) yield { place: path, text: await textOf(file) };
    else for await (const row of rowsOf(file, readers[k].columns)) yield readers[k].read(row);
  }
}

async function* readDocuments(
  files: readonly DataFile[],
  readers: readonly RecordReader[] | undefined,
): AsyncGenerator<TextDocument> {
  if (readers === undefined) {
    for (const { path } of files) yield { place: path, pieces: utf8Chunks(fileChunks(path), path) };
    return;
  }
  const encoder = new TextEncoder();
  for await (const record of readRecords(files, readers)) {
    const { place, text } = record as DataRecord<"text">;
    yield {
      place,
      pieces: (async function* () {
        if (text.length > 0) yield encoder.encode(text);
      })(),
    };
  }
}

async function textOf({ path }: DataFile): Promise<string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const parts: string[] = [];
  for await (const piece of utf8Chunks(fileChunks(path), path)) parts.push(decoder.decode(piece));
  return parts.join("");
}

function rowsOf({ path, format }: DataFile, wanted: readonly string[]): AsyncGenerator<Row> {
  if (format === "parquet") return parquetRows(path, { wanted });
  const text = utf8Chunks(fileChunks(path), path);
  if (format === "csv") return csvRows(text, path);
  return format === "json" ? jsonRows(text, path) : jsonLines(text, path);
}

async function identityOf(files: readonly DataFile[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { path, format } of files) {
    const { size, mtime, ctime, ino } = await Deno.stat(path);
    const real = await Deno.realPath(path);
    // Tools that copy files may copy mtime, too, and then the others differ.
    const times = [mtime?.getTime(), ctime?.getTime()];
    hash.update(JSON.stringify([real, ino, size, ...times, format]));
  }
  return hash.digest("hex");
}

function groupsFor(kinds: readonly RecordKind[]): FileGroup[] {
  const hasRows = kinds.some((kind) => kind !== "image");
  return [
    ...(hasRows ? ["records" as const] : []),
    ...(kinds.includes("text") ? ["text" as const] : []),
    ...(kinds.includes("image") ? ["images" as const] : []),
  ];
}

const KINDS: readonly RecordKind[] = [
  "text",
  "prompt-completion",
  "messages",
  "labelled-text",
  "tagged-tokens",
  "input-target",
  "image",
];
