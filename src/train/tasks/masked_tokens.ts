// The masks of masked language modelling (Devlin et al. 2018, section 3.1). Of the tokens of a text that are not special, each is chosen
// with a probability of 15 %, and at least one; a chosen token is to be predicted, and is replaced
//
//   in 80 % by the mask token        in 10 % by a random token        in 10 % by itself
//
// The choice is a function of the seed, the pass over the examples, and the example alone: the same on every mesh.

import { IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import { RandomStream } from "../../nn/philox.ts";
import type { DrawnExample } from "../task.ts";

/** What masking needs to know. */
export interface Masking {
  readonly seed: number;
  readonly maskToken: number;
  readonly vocabularySize: number;
  /** Never chosen. */
  readonly special: ReadonlySet<number>;
}

/** A text with masks. */
export interface MaskedTokens {
  readonly tokens: Uint32Array;
  /** Chosen tokens as they were, `IGNORE_INDEX` elsewhere. */
  readonly targets: Uint32Array;
  readonly numTargets: number;
}

/** Masks tokens, of which at least one is not special. */
export function maskTokens(
  tokens: Uint32Array,
  { index, epoch }: DrawnExample,
  { seed, maskToken, vocabularySize, special }: Masking,
): MaskedTokens {
  // Two words for seed, pass and example: the example in the position, which has 53 bits.
  const random = new RandomStream([(seed ^ MASKS) >>> 0, epoch]);
  const uniform = (k: number) => random.uniform(index * DRAWS + k);
  const open = Array.from(tokens.keys()).filter((at) => !special.has(tokens[at]));
  let chosen = open.filter((at) => uniform(3 * at) < CHOSEN);
  if (chosen.length === 0) chosen = [open[Math.floor(uniform(DRAWS - 1) * open.length)]];
  const masked = Uint32Array.from(tokens);
  const targets = new Uint32Array(tokens.length).fill(IGNORE_INDEX);
  for (const at of chosen) {
    targets[at] = tokens[at];
    const how = uniform(3 * at + 1);
    if (how < MASKED) masked[at] = maskToken;
    else if (how < MASKED + RANDOM) masked[at] = Math.floor(uniform(3 * at + 2) * vocabularySize);
  }
  return { tokens: masked, targets, numTargets: chosen.length };
}

const CHOSEN = 0.15;
const MASKED = 0.8;
const RANDOM = 0.1;
/** Random numbers of one example: three for each token of the longest. */
const DRAWS = 2 ** 20;
/** Separates these random numbers from others of the same seed. */
const MASKS = 0x6d61736b;
