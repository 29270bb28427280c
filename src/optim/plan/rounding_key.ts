// Keys of stochastic rounding: one for each parameter and step, from the seed. They do not depend on the mesh, and a resumed
// training rounds as the uninterrupted one would.
//
//   key = hash(hash(hash(seed) + index) + step)        hash: lowbias32 (Wellons 2018), as the kernels mix keys and elements

/** The numbers that a key is made from. */
export interface KeySource {
  readonly seed: number;
  /** The parameter's index in the optimizer. */
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
