// Many arrays, each summed over its own groups, in few all-reduces: per group, all arrays that add up over it travel
// together, in chunks.
//
//   group 1   | a | b | c ...   one all-reduce per `chunkLength` elements
//   group 2   | b | d ...
//
// An array that adds up over several groups is summed over one after the other, in the same order on every rank.

import type { SumGroup } from "./packed_sums.ts";

/** An array to be replaced by its sum over all ranks of `groups`. */
export interface Part {
  readonly values: Float32Array;
  readonly groups: readonly SumGroup[];
}

/** Sums all parts in place. Every rank must give the same parts in the same order. */
export async function sumParts(
  parts: readonly Part[],
  { chunkLength = CHUNK_LENGTH }: { readonly chunkLength?: number } = {},
): Promise<void> {
  for (const group of new Set(parts.flatMap(({ groups }) => groups))) {
    const arrays = parts.filter(({ groups }) => groups.includes(group));
    const pieces = arrays.flatMap(({ values }) => piecesOf(values, chunkLength));
    for (const chunk of chunksOf(pieces, chunkLength)) await sumTogether(chunk, group);
  }
}

/** Views of `values`, none of them longer than `length`. */
function piecesOf(values: Float32Array, length: number): Float32Array[] {
  const numPieces = Math.ceil(values.length / length);
  return Array.from(
    { length: numPieces },
    (_, k) => values.subarray(k * length, (k + 1) * length),
  );
}

/** Neighbours together, up to `length` elements. */
function chunksOf(pieces: readonly Float32Array[], length: number): Float32Array[][] {
  const chunks: Float32Array[][] = [];
  let room = 0;
  for (const piece of pieces) {
    if (piece.length > room) {
      chunks.push([]);
      room = length;
    }
    chunks.at(-1)!.push(piece);
    room -= piece.length;
  }
  return chunks;
}

async function sumTogether(chunk: readonly Float32Array[], group: SumGroup): Promise<void> {
  const label = "state of the optimizer";
  if (chunk.length === 1) return await group.allReduce(chunk[0], { label });
  const packed = new Float32Array(chunk.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const piece of chunk) {
    packed.set(piece, at);
    at += piece.length;
  }
  await group.allReduce(packed, { label });
  at = 0;
  for (const piece of chunk) {
    piece.set(packed.subarray(at, at + piece.length));
    at += piece.length;
  }
}

/** 32 MiB, the memory that packing needs besides the arrays. */
const CHUNK_LENGTH = 2 ** 23;
