// T5's relative positions: the bias of the score of the query at t and the key at s depends only on s - t, and large distances share a
// bucket, so that texts may be longer than those in training (Raffel et al. 2020, section 2.1).
//
//   bucket of a distance d, of n buckets up to distance D, with e = floor(n / 2):
//     d                                                         d < e
//     min(n - 1, e + floor(log(d / e) / log(D / e) (n - e)))    else
//
// An encoder uses half of the buckets for keys after the query; in a decoder those have distance 0, and are masked.

/**
 * How distances are divided into buckets.
 *
 * @category Models
 */
export interface RelativeBuckets {
  /** Number of buckets of both directions together. */
  readonly numBuckets: number;
  /** All larger distances share the last bucket. */
  readonly maxDistance: number;
  /** Whether a query also attends to the keys after it. */
  readonly visible: "all" | "causal";
}

/**
 * The buckets of the offsets s - t = 1 - T, ..., S - 1 of T queries and S keys, in the order of the bias of `attention()`: bucket i
 * is that of s - t = i + 1 - T.
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

// Intermediate results are rounded to f32 as in the original, as a logarithm may be close to a border of buckets.
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
