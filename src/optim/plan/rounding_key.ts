// Keys of random rounding: one for each parameter and step, from the seed. They do not depend on the mesh, and a training
// that goes on from a saved state draws what it would have drawn.
//
//   key = hash(hash(hash(seed) + index) + step)        hash: lowbias32 (Wellons 2018), as the kernels mix keys and elements

/** What makes a key. */
export interface KeySource {
  readonly seed: number;
  /** Which of the optimizer's parameters. */
  readonly index: number;
  /** 1, 2, ... */
  readonly step: number;
}

/** 32 bits. */
export function roundingKey({ seed, index, step }: KeySource): number {
  return [index, step].reduce((key, next) => hash((key + next) >>> 0), hash(seed));
}

function hash(word: number): number {
  let x = word ^ (word >>> 16);
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
