// Which files of the given paths are read, and how. Of a folder, what fits together:
//
//   it has JSON Lines, CSV or Parquet files    these, and its .json files, as records
//   it has other text                          all its text, .json files too
//   it has .json files alone                   these, as records
//   it has images alone                        these, labelled by the folders that they are in
//
// A task that wants one of them says so, and what does not fit is left out and counted. A file that is given by its name must fit.

import { basename, dirname } from "node:path";
import { fileStart } from "./file_bytes.ts";
import { binaryReason, type FileFormat, formatOfName } from "./file_format.ts";
import { filesBelow, type FoundFile } from "./folder_walk.ts";
import { describeLeftOut, type LeftOut, LeftOutCounts } from "./left_out.ts";

/** A file of data. */
export interface DataFile extends FoundFile {
  readonly format: FileFormat;
}

/** Texts, records, or images. */
export type FileGroup = "text" | "records" | "images";

/** What paths led to: files of one group. */
export interface FoundData {
  readonly group: FileGroup;
  readonly files: readonly DataFile[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Finds the files of `paths`, which are files and folders.
 *
 * @throws {Error} if a path cannot be read, there is nothing to read, or the paths lead to files of several groups.
 */
export async function findFiles(
  paths: readonly string[],
  { wanted = ALL }: { readonly wanted?: readonly FileGroup[] } = {},
): Promise<FoundData> {
  const leftOut = new LeftOutCounts();
  const found: Omit<FoundData, "leftOut">[] = [];
  for (const path of paths) {
    const { isDirectory, isFile, size } = await Deno.stat(path).catch((cause) => {
      throw new Error(`Cannot read ${path}: ${cause.message}`, { cause });
    });
    if (!isDirectory && !isFile) {
      throw new Error(
        `Cannot read ${path}: it is a pipe or a device; give "-" to read standard input`,
      );
    }
    found.push(
      isDirectory
        ? await chosenBelow(path, wanted, leftOut)
        : await namedFile({ path, size }, wanted),
    );
  }
  const groups = [...new Set(found.filter(({ files }) => files.length > 0).map((f) => f.group))];
  if (groups.length === 0) throw new Error(nothingToRead(paths, leftOut.all));
  if (groups.length > 1) {
    throw new Error(
      `${paths.join(", ")}: found ${
        groups.join(" and ")
      }, and one training reads one of them: give them apart`,
    );
  }
  return { group: groups[0], files: found.flatMap(({ files }) => files), leftOut: leftOut.all };
}

function nothingToRead(paths: readonly string[], leftOut: readonly LeftOut[]): string {
  return [`${paths.join(", ")}: no files to read`, ...leftOut.map(describeLeftOut)].join("; ");
}

/** @throws {Error} if the file does not fit */
async function namedFile(
  file: FoundFile,
  wanted: readonly FileGroup[],
): Promise<Omit<FoundData, "leftOut">> {
  if (file.size === 0) throw new Error(`${file.path} is empty`);
  const format = formatOfName(file.path);
  // A task on texts takes a .json or .csv file as records, as its name says.
  const group = groupOf(format);
  if (!wanted.includes(group)) {
    throw new Error(
      `${file.path} is read as ${group} by its name, and wanted is ${wanted.join(" or ")}: ${
        wanted.map((group) => NAMES[group]).join(", or ")
      }`,
    );
  }
  if (group === "text") {
    const reason = binaryReason(await fileStart(file.path));
    if (reason !== undefined) {
      throw new Error(`${file.path} is no text: ${reason}; ${NAMES.text}, or ${NAMES.records}`);
    }
  }
  return { group, files: [{ ...file, format }] };
}

async function chosenBelow(
  folder: string,
  wanted: readonly FileGroup[],
  leftOut: LeftOutCounts,
): Promise<Omit<FoundData, "leftOut">> {
  const all = (await filesBelow(folder, leftOut))
    .map((file): DataFile => ({ ...file, format: formatOfName(file.path) }));
  const has = (...formats: FileFormat[]) => all.some(({ format }) => formats.includes(format));
  const candidates: [FileGroup, boolean][] = [
    ["records", has("json-lines", "csv", "parquet")],
    ["text", has("text")],
    ["records", has("json")],
    ["images", has("image")],
    // What is left when text alone is wanted: all other formats of text.
    ["text", has("json-lines", "csv", "json")],
  ];
  const [group] = candidates.find(([group, isThere]) => isThere && wanted.includes(group)) ?? [];
  const files: DataFile[] = [];
  for (const file of all) {
    const reason = group === undefined ? UNWANTED : await reasonAgainst(file, group);
    if (reason !== undefined) leftOut.add(file.path, reason);
    else files.push(group === "text" ? { ...file, format: "text" } : file);
  }
  return { group: group ?? wanted[0], files };
}

/** Why a file of a folder is left out where `group` is read; undefined if it is read. */
async function reasonAgainst(file: DataFile, group: FileGroup): Promise<string | undefined> {
  if (file.size === 0) return "empty";
  if (group === "text") {
    if (file.format === "parquet") return "Parquet among text";
    return await fileStart(file.path).then(
      binaryReason,
      (error) => `not readable: ${error instanceof Error ? error.message : error}`,
    );
  }
  if (groupOf(file.format) !== group) return `not ${NAMES[group]}`;
  return undefined;
}

function groupOf(format: FileFormat): FileGroup {
  if (format === "text") return "text";
  return format === "image" ? "images" : "records";
}

/** The label of an image: the name of the folder that it is in. */
export function folderLabel(path: string): string {
  return basename(dirname(path));
}

const ALL: readonly FileGroup[] = ["records", "text", "images"];
const UNWANTED = "no data of the kind that is wanted";
const NAMES: Readonly<Record<FileGroup, string>> = {
  text: "text files",
  records: "JSONL, JSON, CSV or Parquet files",
  images: "PNG or JPEG files in folders named by their labels",
};
