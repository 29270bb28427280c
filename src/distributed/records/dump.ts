// The dump of a rank whose world has failed: the last calls of all its groups, as one JSON file per rank.
//
// It is written only if a folder was given (the option `dumpFolder`, MESHFACTOR_DUMP or the launcher's --dump).
// src/cli/analyse.ts reads the files of all ranks.

import type { PeerLostError } from "../failures/failure.ts";
import type { MessageRecord } from "./message_recorder.ts";
import type { CallRecord } from "./call_recorder.ts";

/**
 * One group's calls on one rank.
 *
 * @category Distributed
 */
export interface GroupDump {
  /** The group's id in hex, the same on all its ranks. */
  readonly id: string;
  /** Global ranks, in group order. */
  readonly ranks: readonly number[];
  /** The last calls, oldest first. */
  readonly calls: readonly CallRecord[];
  /** The last point-to-point messages, in the order of the calls. */
  readonly messages: readonly MessageRecord[];
}

/**
 * One rank's file.
 *
 * @category Distributed
 */
export interface Dump {
  /** Version of the format. */
  readonly version: 3;
  /** Global rank that wrote it. */
  readonly rank: number;
  /** Number of ranks of the job. */
  readonly worldSize: number;
  /** When it was written, in ISO 8601. */
  readonly time: string;
  /** The failure, the same on all ranks; null if there was none. */
  readonly error: { readonly rank: number; readonly message: string } | null;
  /** All groups of the rank. */
  readonly groups: readonly GroupDump[];
}

/** Makes a dump of `groups`. */
export function makeDump(
  { rank, worldSize }: Pick<Dump, "rank" | "worldSize">,
  { error, groups }: {
    readonly error: PeerLostError | undefined;
    readonly groups: readonly GroupDump[];
  },
): Dump {
  return {
    version: 3,
    rank,
    worldSize,
    time: new Date().toISOString(),
    error: error === undefined ? null : { rank: error.rank, message: error.message },
    groups,
  };
}

/** Makes the folder for the dump of a rank, before it is needed. @throws {Error} if nothing can be written there */
export function prepareDumps(folder: string, rank: number): void {
  try {
    Deno.mkdirSync(folder, { recursive: true });
    const probe = `${folder}/meshfactor-rank-${rank}.probe`;
    Deno.writeTextFileSync(probe, "");
    Deno.removeSync(probe);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Rank ${rank} cannot write dumps to ${folder} (${why}): give another folder`, {
      cause,
    });
  }
}

/** Writes a dump synchronously to `folder`, which is created if needed, and returns the path. */
export function writeDump(dump: Dump, folder: string): string {
  Deno.mkdirSync(folder, { recursive: true });
  const path = `${folder}/meshfactor-rank-${dump.rank}.json`;
  Deno.writeTextFileSync(path, JSON.stringify(dump));
  return path;
}

/**
 * Parses a dump.
 *
 * @throws {TypeError} if the text is not a dump of this version.
 */
export function parseDump(text: string): Dump {
  const dump: unknown = JSON.parse(text);
  if (!isDump(dump)) throw new TypeError("This is not a dump of a rank, or one of another version");
  return dump;
}

function isDump(value: unknown): value is Dump {
  return hasFields(value, { rank: "number", worldSize: "number", time: "string" }) &&
    "version" in value && value.version === 3 &&
    "groups" in value && Array.isArray(value.groups) && value.groups.every(isGroupDump);
}

function isGroupDump(value: unknown): value is GroupDump {
  return hasFields(value, { id: "string" }) &&
    "ranks" in value && Array.isArray(value.ranks) &&
    value.ranks.every((rank) => typeof rank === "number") &&
    "calls" in value && Array.isArray(value.calls) &&
    value.calls.every((call) => hasFields(call, CALL_FIELDS)) &&
    "messages" in value && Array.isArray(value.messages) &&
    value.messages.every((message) => hasFields(message, MESSAGE_FIELDS));
}

function hasFields(value: unknown, fields: Readonly<Record<string, string>>): value is object {
  return typeof value === "object" && value !== null &&
    Object.entries(fields).every(([name, type]) =>
      typeof Object.getOwnPropertyDescriptor(value, name)?.value === type
    );
}

const CALL_FIELDS = {
  sequence: "number",
  op: "string",
  dtype: "string",
  algorithm: "string",
  reduction: "string",
  root: "number",
  count: "number",
  countsDigest: "number",
  label: "string",
  state: "string",
  queuedAt: "number",
  bytesDone: "number",
  bytesExpected: "number",
};

const MESSAGE_FIELDS = {
  op: "string",
  label: "string",
  peer: "number",
  sequence: "number",
  dtype: "string",
  count: "number",
  state: "string",
  queuedAt: "number",
  bytesDone: "number",
  bytesExpected: "number",
};
