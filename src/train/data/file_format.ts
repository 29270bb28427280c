// The format of a file, by its name and its first bytes.

/** How a file is read. */
export type FileFormat = "text" | "json-lines" | "json" | "csv" | "parquet" | "image";

/** The format by the end of a name, before .gz if it ends in that; text if it has no known end. */
export function formatOfName(path: string): FileFormat {
  const [, end = ""] = /\.([^./\\]+)$/.exec(path.replace(/\.gz$/i, "")) ?? [];
  return FORMATS[end.toLowerCase()] ?? "text";
}

/** The format of data without a name: Parquet, JSON Lines, a JSON array, or text. */
export function formatOfBytes(start: Uint8Array): FileFormat {
  if (startsWith(start, PARQUET)) return "parquet";
  const text = new TextDecoder().decode(start).trimStart();
  if (/^\[\s*\{/.test(text)) return "json";
  return /^\{\s*"/.test(text) ? "json-lines" : "text";
}

/** Whether bytes begin a gzip file. */
export function isGzip(start: Uint8Array): boolean {
  return startsWith(start, GZIP);
}

/** Why the first bytes of a file are no text; undefined if they may be. UTF-16 with a byte order mark is text. */
export function binaryReason(start: Uint8Array): string | undefined {
  const magic = MAGIC.find(({ bytes }) => startsWith(start, bytes));
  if (magic !== undefined) return magic.reason;
  if (hasUtf16Mark(start)) return undefined;
  return start.includes(0) ? "binary (NUL bytes)" : undefined;
}

/** Whether bytes begin with the byte order mark of UTF-16, and not of UTF-32. */
export function hasUtf16Mark(start: Uint8Array): boolean {
  const isUtf32 = startsWith(start, [0xff, 0xfe, 0, 0]);
  return !isUtf32 && (startsWith(start, [0xff, 0xfe]) || startsWith(start, [0xfe, 0xff]));
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return bytes.length >= start.length && start.every((byte, k) => bytes[k] === byte);
}

const FORMATS: Readonly<Record<string, FileFormat>> = {
  jsonl: "json-lines",
  ndjson: "json-lines",
  json: "json",
  csv: "csv",
  tsv: "csv",
  parquet: "parquet",
  png: "image",
  jpg: "image",
  jpeg: "image",
};

const PARQUET = [...new TextEncoder().encode("PAR1")];
const GZIP = [0x1f, 0x8b];

/** Files that may have no NUL byte near their start. */
const MAGIC: readonly { readonly bytes: readonly number[]; readonly reason: string }[] = [
  { bytes: [0x25, 0x50, 0x44, 0x46, 0x2d], reason: "PDF" },
  { bytes: [0x50, 0x4b, 0x03, 0x04], reason: "ZIP archives" },
  { bytes: [0x89, 0x50, 0x4e, 0x47], reason: "images" },
  { bytes: [0xff, 0xd8, 0xff], reason: "images" },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], reason: "zstd files" },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a], reason: "xz files" },
  { bytes: [0x42, 0x5a, 0x68], reason: "bzip2 files" },
  { bytes: PARQUET, reason: "Parquet files whose names do not end in .parquet" },
];
