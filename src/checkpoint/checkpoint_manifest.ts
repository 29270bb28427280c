// The manifest of a training checkpoint: what it is of, and the length and SHA-256 of each of its files, with a checksum of its own.

import * as v from "valibot";
import { disk } from "./disk.ts";
import { factsOf, type FileFacts, MANIFEST, sha256 } from "./disk_checkpoints.ts";

/** What a manifest says. */
export interface Manifest {
  /** Steps taken. */
  readonly step: number;
  /** What the caller stored, as JSON. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** Numbers of the optimizer's state, by parameter; its arrays are in the files. */
  readonly numbers: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** A number that is the lower the better, where there is one. */
  readonly loss?: number | undefined;
  /** By name. */
  readonly files: Readonly<Record<string, FileFacts>>;
}

/** The text of a manifest. */
export function manifestText(manifest: Manifest): string {
  const content = JSON.stringify({ ...FORMAT, ...manifest });
  return `{"sha256":"${sha256(content)}","content":${content}}\n`;
}

/**
 * Reads the manifest of the checkpoint at `path`.
 *
 * @throws {Error} if it is missing or damaged
 */
export async function readManifest(path: string): Promise<Manifest> {
  if (!await disk.has(`${path}/${MANIFEST}`)) throw new Error("it has no manifest.json");
  const text = await disk.readText(`${path}/${MANIFEST}`);
  const match = /^\{"sha256":"([0-9a-f]{64})","content":(.*)\}\n$/s.exec(text);
  if (match === null || sha256(match[2]) !== match[1]) {
    throw new Error("its manifest.json has another checksum than it says");
  }
  const { success, output } = v.safeParse(manifestShape, JSON.parse(match[2]));
  if (!success) throw new Error("its manifest.json has another format: it is of another version");
  return output;
}

/** What is wrong with a file of the checkpoint at `path`; undefined if it is whole. */
export async function damageOf(
  path: string,
  { name, facts }: { readonly name: string; readonly facts: FileFacts },
): Promise<string | undefined> {
  const found = await factsOf(`${path}/${name}`);
  if (found === undefined) return `${name} is missing`;
  if (found.bytes !== facts.bytes) {
    return `${name} has ${found.bytes} bytes, and its manifest says ${facts.bytes}`;
  }
  return found.sha256 === facts.sha256 ? undefined : `${name} has another checksum than it had`;
}

const FORMAT = { format: "meshfactor training checkpoint", version: 1 } as const;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const manifestShape = v.object({
  format: v.literal(FORMAT.format),
  version: v.literal(FORMAT.version),
  step: count,
  extra: v.record(v.string(), v.unknown()),
  numbers: v.record(v.string(), v.record(v.string(), v.number())),
  loss: v.optional(v.number()),
  files: v.record(
    v.pipe(v.string(), v.regex(/^[\w.-]+$/)),
    v.object({ bytes: count, sha256: v.string() }),
  ),
});
