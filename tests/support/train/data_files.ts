// Files of data in a temporary folder, and what openData() finds in them.

import { withFolder } from "../temporary_folder.ts";
import {
  type DataOptions,
  type DataSource,
  openData,
} from "../../../src/train/data/data_source.ts";
import type { RecordKind } from "../../../src/train/data/records.ts";

/** Runs `body` with a folder of files by their names, which may be in folders. */
export async function withFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    for (const [name, contents] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      if (typeof contents === "string") await Deno.writeTextFile(path, contents);
      else await Deno.writeFile(path, contents);
    }
    await body(folder);
  });
}

/** Opens files and reads them: kind, records and documents, with the folder's path left out, and what was left out. */
export async function readAll<Kind extends RecordKind>(
  folder: string,
  paths: readonly string[],
  options: DataOptions<Kind> = {},
) {
  const full = paths.map((path) => path === "-" ? path : `${folder}/${path}`);
  await using source: DataSource<Kind> = await openData(full, options);
  const short = (place: string) => place.replace(`${folder}/`, "");
  const records = (await Array.fromAsync(source.records()))
    .map((record) => ({ ...record, place: short(record.place) }));
  return {
    kind: source.kind,
    records,
    values: records.map(({ place: _, ...values }) => values),
    leftOut: Object.fromEntries(
      source.leftOut.map(({ reason, count, examples }) => [
        reason,
        `${count}: ${examples.map(short).join(" ")}`,
      ]),
    ),
    documents: source.kind === "text" ? await documentsOf(source, short) : [],
  };
}

async function documentsOf(source: DataSource, short: (place: string) => string) {
  const documents: { place: string; text: string }[] = [];
  for await (const { place, pieces } of source.documents()) {
    let text = "";
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    for await (const piece of pieces) text += decoder.decode(piece);
    documents.push({ place: short(place), text });
  }
  return documents;
}
