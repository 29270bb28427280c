// Splits the heads of attention over the ranks of a mesh axis: H heads of queries, K of keys and values, G = H / K queries to a key,
// S ranks.
//
//   K >= S   keys are split, and queries with them: rank r has the keys K_r, and G |K_r| queries. Uneven if S does not divide K
//   K < S    S / K ranks hold the same key head, and G K / S of its queries each
//
//   S = 4, K = 2, G = 4     rank      0      1      2      3
//                           queries   0 1    2 3    4 5    6 7
//                           key       0      0      1      1         replicas [0, 1], [2, 3]; shards [0, 2], [1, 3]
//
// Replicas hold equal keys and compute partial gradients of them, which are summed over the replicas. As a parameter's layout names
// the shards alone, the optimizer counts every element once.

import type { ProcessGroupMesh } from "../../distributed/mesh.ts";
import type { Linear1DColOptions } from "./linear_1d_col.ts";
import type { Linear1DRowOptions } from "./linear_1d_row.ts";

/** Heads of an attention layer. */
export interface Heads {
  /** H: heads of queries, a multiple of K. */
  readonly numHeads: number;
  /** K: heads of keys and values. */
  readonly numKeyHeads: number;
  /** Features of a head. */
  readonly headWidth: number;
}

/** Options of the linear layers of attention. */
export interface HeadSplit {
  /** Of the layer of queries. */
  readonly query: Linear1DColOptions & { readonly unit: number };
  /** Of the layers of keys and values. */
  readonly keyValue: Linear1DColOptions & { readonly unit: number };
  /** Of one layer of all queries, all keys and all values, as many heads each; undefined if there are fewer heads of keys. */
  readonly fused: Linear1DColOptions | undefined;
  /** Of one layer of the queries, the key and the value of each head of keys; undefined if there are fewer of these than ranks. */
  readonly fusedByKeyHead: Linear1DColOptions | undefined;
  /** Of the output layer. */
  readonly output: Linear1DRowOptions;
}

/**
 * Splits heads over axis `axis` of the mesh; all its ranks must call it.
 *
 * @throws {RangeError} if ranks cannot have whole heads that share their keys evenly; on all ranks.
 */
export async function splitHeads(
  { numHeads, numKeyHeads, headWidth }: Heads,
  { mesh, axis }: { readonly mesh: ProcessGroupMesh; readonly axis: number },
): Promise<HeadSplit> {
  const processGroup = await mesh.getGroupAlongAxis(axis);
  const { size } = processGroup;
  const queriesPerKey = numHeads / numKeyHeads;
  if (numKeyHeads >= size) {
    const query = { processGroup, unit: queriesPerKey * headWidth };
    const fused = { processGroup, unit: headWidth, parts: 3 };
    return {
      query,
      output: query,
      keyValue: { processGroup, unit: headWidth },
      fused: queriesPerKey === 1 ? fused : undefined,
      fusedByKeyHead: { processGroup, unit: (queriesPerKey + 2) * headWidth },
    };
  }
  const numReplicas = size / numKeyHeads;
  if (!Number.isInteger(numReplicas) || queriesPerKey % numReplicas !== 0) {
    throw new RangeError(
      `Cannot split ${numHeads} heads with ${numKeyHeads} heads of keys over ${size} ranks: the ranks must be at most as many ` +
        "as heads of keys, or a multiple of them that divides the heads",
    );
  }
  const at = mesh.coordinate(axis);
  const [keyHead, replica] = [Math.floor(at / numReplicas), at % numReplicas];
  const replicas = Array.from({ length: numReplicas }, (_, k) => keyHead * numReplicas + k);
  const shards = Array.from({ length: numKeyHeads }, (_, k) => k * numReplicas + replica);
  const replication = {
    replicaGroup: (await mesh.getGroupAlongAxis(axis, replicas))!,
    shardGroup: (await mesh.getGroupAlongAxis(axis, shards))!,
  };
  const query = { processGroup, unit: headWidth };
  return {
    query,
    output: query,
    fused: undefined,
    fusedByKeyHead: undefined,
    keyValue: { processGroup, unit: headWidth, replication },
  };
}
