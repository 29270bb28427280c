// T5's relative positions: what is added to the score of the query at t and the key at s depends on s - t only, and far
// distances share a number, so that texts may be longer than any that was trained on (Raffel et al. 2020, section 2.1).
//
//   bucket of a distance d, of n buckets up to distance D, with e = floor(n / 2):
//     d                                                         d < e
//     min(n - 1, e + floor(log(d / e) / log(D / e) (n - e)))    else
//
// An encoder gives half of the buckets to keys after the query; for a decoder those count as distance 0, and are hidden.

/** How distances share buckets. */
export interface RelativeBuckets {
  /** Of all directions together. */
  readonly numBuckets: number;
  /** From this distance on all share the last bucket. */
  readonly maxDistance: number;
  /** Which keys a query sees: those after it too, or not. */
  readonly visible: "all" | "causal";
}

/**
 * The buckets of the offsets s - t = 1 - T, ..., S - 1 of T queries and S keys: bucket i is that of s - t = i + 1 - T, as
 * the bias of `attention()` wants it.
 */
export function offsetBuckets(
  buckets: RelativeBuckets,
  { queries, keys }: { readonly queries: number; readonly keys: number },
): Uint32Array {
  return Uint32Array.from(
    { length: queries + keys - 1 },
    (_, i) => bucketOf(i + 1 - queries, buckets),
  );
}

/** The bucket of the offset of a key from a query, from 0 to `numBuckets` - 1. */
export function bucketOf(
  offset: number,
  { numBuckets, maxDistance, visible }: RelativeBuckets,
): number {
  if (visible === "causal") {
    return bucketOfDistance(Math.max(-offset, 0), { numBuckets, maxDistance });
  }
  const half = Math.floor(numBuckets / 2);
  const bucket = bucketOfDistance(Math.abs(offset), { numBuckets: half, maxDistance });
  return offset > 0 ? half + bucket : bucket;
}

// Rounded to f32 on the way as the models' trainers did, for a distance whose logarithm falls on a border.
function bucketOfDistance(
  distance: number,
  { numBuckets, maxDistance }: Omit<RelativeBuckets, "visible">,
): number {
  const numExact = Math.floor(numBuckets / 2);
  if (distance < numExact) return distance;
  const { fround, log } = Math;
  const octaves = fround(
    fround(log(fround(distance / numExact))) / fround(log(maxDistance / numExact)),
  );
  return Math.min(numExact + Math.floor(fround(octaves * (numBuckets - numExact))), numBuckets - 1);
}
