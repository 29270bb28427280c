// The next token, chosen by its logits. Steps are those of transformers, in its order:
//
//   suppression          tokens that may not follow have the logit -infinity, after the penalty
//   repetition penalty   the logit x of a token that was seen becomes x / penalty if x > 0, else x penalty      (Keskar et al. 2019)
//   greedy               the most likely token; or, with sampling:
//   temperature          p_k ~ e^(x_k / temperature)
//   topK                 only the topK most likely tokens, and those as likely as the last of them             (Fan et al. 2018)
//   topP                 only the most likely tokens that have probability topP together, at least one         (Holtzman et al. 2020)
//   draw                 the first token, from the most likely on, at which the sum of p passes a uniform random number
//
// Tokens are sorted only as far as the draw needs: a vocabulary has many, and few of them are likely.

/**
 * How tokens are sampled, apart from the random numbers.
 *
 * @category Models
 */
export interface SamplingRules {
  /** Above 0; a lower temperature favours likely tokens. */
  readonly temperature: number;
  /** Samples only from this many of the most likely tokens. Default: all. */
  readonly topK?: number | undefined;
  /** Samples only from the most likely tokens that together have this probability. Default: 1, all. */
  readonly topP?: number | undefined;
}

/** The logits with a penalty on tokens in `seen`; a penalty of 1 changes nothing. */
export function penalizeRepetition(
  logits: Float32Array,
  { seen, penalty }: { readonly seen: readonly number[]; readonly penalty: number },
): Float32Array {
  if (penalty === 1) return logits;
  const penalized = logits.slice();
  for (const token of new Set(seen)) {
    const x = logits[token];
    penalized[token] = x < 0 ? x * penalty : x / penalty;
  }
  return penalized;
}

/** The logits without `tokens`, which become impossible. */
export function suppress(logits: Float32Array, tokens: readonly number[]): Float32Array {
  if (tokens.length === 0) return logits;
  const left = logits.slice();
  for (const token of tokens) if (token < left.length) left[token] = -Infinity;
  if (!left.every((logit) => logit === -Infinity)) return left;
  throw new RangeError(`All ${logits.length} tokens are suppressed: leave some out`);
}

/** The most likely token, the first of several. @throws {Error} if logits are not numbers */
export function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let k = 1; k < logits.length; k++) if (logits[k] > logits[best]) best = k;
  if (!logits.some(Number.isNaN)) return best;
  throw new Error(
    "The model's logits are not numbers (NaN): its weights may be damaged, or f16 may have overflowed",
  );
}

/** The token at which the sum of probabilities passes `uniform`, from 0 to below 1. @throws {Error} if logits are not numbers */
export function drawToken(
  logits: Float32Array,
  { uniform, temperature, topK, topP = 1 }: SamplingRules & { readonly uniform: number },
): number {
  const most = logits[mostLikely(logits)];
  const share = (token: number) => Math.exp((logits[token] - most) / temperature);
  const sum = (tokens: Iterable<number>) => {
    let total = 0;
    for (const token of tokens) total += share(token);
    return total;
  };
  let tokens: number[];
  let total: number;
  if (topK === undefined) {
    total = sum(logits.keys());
    const needed = (topP < 1 ? topP : uniform) * total;
    const isEnough = (tokens: number[]) => sum(tokens) > needed;
    tokens = sortedTokens(logits, { most, temperature, isEnough });
  } else {
    const isEnough = ({ length }: number[]) => length >= topK;
    const sorted = sortedTokens(logits, { most, temperature, isEnough });
    tokens = sorted.filter((token, at) => at < topK || logits[token] === logits[sorted[topK - 1]]);
    total = sum(tokens);
  }
  if (topP < 1) {
    let left = topP * total;
    const last = tokens.findIndex((token) => (left -= share(token)) <= 0);
    if (last >= 0) tokens = tokens.slice(0, last + 1);
    total = sum(tokens);
  }
  let left = uniform * total;
  return tokens.find((token) => (left -= share(token)) < 0) ?? tokens.at(-1)!;
}

/** The most likely tokens in order, as many as are enough; all if that is never so. */
function sortedTokens(logits: Float32Array, { most, temperature, isEnough }: {
  /** The largest logit. */
  readonly most: number;
  readonly temperature: number;
  readonly isEnough: (tokens: number[]) => boolean;
}): number[] {
  let tokens: number[] = [];
  for (const distance of DISTANCES) {
    const least = most - distance * temperature;
    tokens = [...logits.keys()].filter((token) =>
      logits[token] >= least && logits[token] > -Infinity
    );
    tokens.sort((a, b) => logits[b] - logits[a]);
    if (isEnough(tokens)) return tokens;
  }
  return tokens;
}

/** Distances from the largest logit, in units of the temperature, within which tokens are sorted: larger ones only if they are needed. */
const DISTANCES = [4, 12, Infinity];
