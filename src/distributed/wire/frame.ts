// The frame that one rank sends to one peer in a call: a header of 112 bytes, then the payload.
//
//   0        4   5    6    7       8          16         20     24      32       36     37         40            48
//   | "MFOP" | 3 | op | dt | alg   | group u64 | sequence | root | count | digest | red | checksum | payload u64 | label |
//     magic  version   dtype algorithm                             u64     of counts  reduction      bytes that    64 bytes,
//                                                                                                    follow        label.ts
//
// Little-endian. The header is the fingerprint of the call: a receiver compares it with its own call before it reads any
// payload, so ranks that call different collectives, or the same ones for different things, get an error that shows the
// difference, not a hang or a wrong sum. The checksum (24 bits, of the other 49 bytes before the label's text, which is compared
// with its hash) distinguishes damage from a different call. There is one frame per call, peer
// and direction, as both ends know from the schedule what it contains. Over plain TCP each move in it, such as a rank's term
// or the sum of a chunk, is followed by a checksum of 32 bytes (checksum.rs) or a keyed sum of 16 (keyed_sum.rs), which
// counts as payload. With keyed sums the header too is followed by one.

import { ALGORITHM_NAMES } from "./algorithms.ts";
import {
  ELEMENT_TYPES,
  type ElementType,
  type Op,
  OPS,
  type Reduction,
  REDUCTIONS,
} from "./call_kind.ts";
import { checksum } from "./checksum.ts";
import { decodedLabel, encodedLabel, LABEL_BYTES, LABEL_HASH_BYTES } from "./label.ts";

const LABEL_BEGIN = 48;
/** Length of a header in bytes. */
export const HEADER_BYTES = LABEL_BEGIN + LABEL_BYTES;
/** The checksum is of these: the hash of the label stands for its text. */
const SUMMED_BYTES = LABEL_BEGIN + LABEL_HASH_BYTES;
const MAGIC = 0x504f464d; // "MFOP"
const VERSION = 3;

/** The properties of a call that must be the same on all ranks of a group. */
export interface Fingerprint {
  readonly op: Op;
  readonly dtype: ElementType;
  /** Name of the algorithm. */
  readonly algorithm: string;
  /** "sum" if nothing is reduced. */
  readonly reduction: Reduction;
  /** The group's id, derived from its ranks. */
  readonly group: bigint;
  /** Position of the collective in the group, or of the message between two ranks, from 0; wraps at 2^32. */
  readonly sequence: number;
  /** Group rank of the root, 0 where there is none. */
  readonly root: number;
  /** Elements in the whole. */
  readonly count: number;
  /** Digest of the counts per rank, 0 where they follow from `count`. */
  readonly countsDigest: number;
  /** What is exchanged, such as the name of a parameter; "" if the caller does not say. */
  readonly label: string;
}

/** One decoded header. */
export interface Header extends Fingerprint {
  /** Bytes of payload that follow, over the whole collective. */
  readonly payloadBytes: number;
}

/** The bytes are not valid in this protocol. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Bytes that the other end did not send, in this order: changed, added, repeated or left out on their way. */
export class ForgedError extends FrameError {
  /** `what` had the wrong keyed sum on the connection between `ends`. */
  constructor(what: string, { ends }: { readonly ends: string }) {
    super(
      `the keyed sum of ${what} is wrong on the connection ${ends}: bytes were changed, added, repeated or left out in ` +
        "transit, by damage or by a third party",
    );
  }
}

/** Writes a header to the first 112 bytes of `target`; if it has no length, `completeHeader` must follow. */
export function encodeHeader(header: Fingerprint & Partial<Header>, target: Uint8Array): void {
  putU32(target, 0, MAGIC);
  target[4] = VERSION;
  target[5] = OPS.indexOf(header.op);
  target[6] = ELEMENT_TYPES.indexOf(header.dtype);
  target[7] = ALGORITHM_NAMES.indexOf(header.algorithm);
  GROUP[0] = header.group;
  putU32(target, 8, GROUP_HALVES[0]);
  putU32(target, 12, GROUP_HALVES[1]);
  putU32(target, 16, header.sequence);
  putU32(target, 20, header.root);
  putNumber(target, 24, header.count);
  putU32(target, 32, header.countsDigest);
  target[36] = REDUCTIONS.indexOf(header.reduction);
  target.set(encodedLabel(header.label), LABEL_BEGIN);
  completeHeader(target, header.payloadBytes ?? 0);
}

/** Writes the length of the payload, which differs from peer to peer, and with it the checksum. */
export function completeHeader(target: Uint8Array, payloadBytes: number): void {
  putNumber(target, 40, payloadBytes);
  // The checksum is computed with 0 in its place.
  const reduction = target[36];
  putU32(target, 36, reduction);
  const sum = checksum(target.subarray(0, SUMMED_BYTES)) >>> 8;
  putU32(target, 36, reduction | sum << 8);
}

/** A DataView per call, with a buffer outside of V8's heap, would take a microsecond. */
function putU32(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

/** As 64 bits. */
function putNumber(target: Uint8Array, at: number, value: number): void {
  putU32(target, at, value >>> 0);
  putU32(target, at + 4, Math.floor(value / 2 ** 32));
}

/**
 * Reads a header from the first 112 bytes of `bytes`.
 *
 * @throws {FrameError} if they are not a valid header.
 */
export function decodeHeader(bytes: Uint8Array): Header {
  if (bytes.length < HEADER_BYTES) {
    throw new FrameError(`A frame needs a header of ${HEADER_BYTES} bytes, got ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC) throw new FrameError("A frame does not begin with MFOP");
  if (view.getUint8(4) !== VERSION) {
    throw new FrameError(
      `Received frame version ${view.getUint8(4)}, this rank uses version ${VERSION}`,
    );
  }
  const summed = bytes.slice(0, SUMMED_BYTES);
  summed.fill(0, 37, 40);
  const label = decodedLabel(bytes.subarray(LABEL_BEGIN, HEADER_BYTES));
  if (label === undefined || checksum(summed) >>> 8 !== view.getUint32(36, true) >>> 8) {
    throw new FrameError("The header of a frame was damaged in transit");
  }
  return {
    op: named(OPS, view.getUint8(5), "op"),
    dtype: named(ELEMENT_TYPES, view.getUint8(6), "dtype"),
    algorithm: named(ALGORITHM_NAMES, view.getUint8(7), "algorithm"),
    reduction: named(REDUCTIONS, view.getUint8(36), "reduction"),
    group: view.getBigUint64(8, true),
    sequence: view.getUint32(16, true),
    root: view.getUint32(20, true),
    count: safeNumber(view.getBigUint64(24, true), "count"),
    countsDigest: view.getUint32(32, true),
    label,
    payloadBytes: safeNumber(view.getBigUint64(40, true), "payload length"),
  };
}

/** The fields in which two ranks' calls differ, as text; undefined if they agree. */
export function difference(mine: Caller, theirs: Caller): string | undefined {
  const differing = COMPARED.filter((field) => mine.header[field] !== theirs.header[field]);
  if (differing.length === 0) return undefined;
  return differing
    .map((field) =>
      `${NAMES[field] ?? field} ${shown(mine, field)} on rank ${mine.rank} ` +
      `and ${shown(theirs, field)} on rank ${theirs.rank}`
    )
    .join(", ");
}

function shown({ header }: Caller, field: typeof COMPARED[number]): string {
  if (field !== "label") return String(header[field]);
  return header.label === "" ? "(none)" : `"${header.label}"`;
}

/** One rank's side of a call. */
export interface Caller {
  /** Global rank. */
  readonly rank: number;
  readonly header: Header;
}

/** A digest of the counts per rank, so that ranks with different counts get an error. */
export function digestCounts(counts: readonly number[]): number {
  let hash = 0x811c9dc5; // FNV-1a, by words
  for (const count of counts) hash = Math.imul(hash ^ count, 0x01000193);
  return hash >>> 0;
}

/** The id of a group: FNV-1a (64 bits) over its ranks and `ordinal`, which distinguishes groups of the same ranks. */
export function groupId(ranks: readonly number[], ordinal: number): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const word of [...ranks, -1, ordinal]) {
    hash = BigInt.asUintN(64, (hash ^ BigInt.asUintN(32, BigInt(word))) * 0x100000001b3n);
  }
  return hash;
}

function named<T>(names: readonly T[], index: number, what: string): T {
  const name = names[index];
  if (name === undefined) throw new FrameError(`A frame names an unknown ${what}: ${index}`);
  return name;
}

function safeNumber(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new FrameError(`A frame's ${what} of ${value} is out of range`);
  }
  return Number(value);
}

/** The halves of a 64-bit number, in the same order on every machine, as Deno runs on little-endian ones only. */
const GROUP = new BigUint64Array(1);
const GROUP_HALVES = new Uint32Array(GROUP.buffer);
const COMPARED = [
  "label",
  "op",
  "sequence",
  "group",
  "dtype",
  "algorithm",
  "reduction",
  "root",
  "count",
  "countsDigest",
  "payloadBytes",
] as const;
const NAMES: { readonly [field: string]: string } = {
  sequence: "call number",
  countsDigest: "digest of the counts per rank",
  payloadBytes: "bytes to send",
};
