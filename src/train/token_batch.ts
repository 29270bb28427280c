// Windows of T tokens and, for each token, the one after it: the inputs and the targets of a language model.
//
//   tokens  [B, T]   text[s + t]              s: start of a window
//   targets [B, T]   text[s + t + 1]
//
// The start of window i of step n is a function of (seed, n, i) alone, drawn with replacement. So a step has the same windows whatever
// the mesh, and however they are divided into micro-batches; a data-parallel rank takes a contiguous part of them.

import type { Device } from "../device/device.ts";
import { shardRange } from "../distributed/layout.ts";
import { RandomStream } from "../nn/philox.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Tokens } from "./tokenizer.ts";

/** Windows on a device. Disposing it releases both tensors. */
export interface TokenBatch extends Disposable {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T]: the token after each. */
  readonly targets: Tensor<"u32">;
}

/** A text, and the length of its windows. */
export interface Windows {
  readonly text: Tokens;
  /** T */
  readonly context: number;
}

/** Selects windows of a training step. */
export interface DrawnWindows {
  readonly seed: number;
  /** 1, 2, ... */
  readonly step: number;
  /** The first of the step's windows, and one past the last. */
  readonly begin: number;
  readonly end: number;
}

/** A rank among those that share a batch. */
export interface Replica {
  readonly rank: number;
  readonly size: number;
}

/** The starts in the text of windows `begin` to `end` of a step. */
export function drawStarts(
  { text, context }: Windows,
  { seed, step, begin, end }: DrawnWindows,
): number[] {
  const random = new RandomStream([(seed ^ BATCHES) >>> 0, step]);
  const numStarts = text.length - context;
  return Array.from({ length: end - begin }, (_, k) => {
    const draw = 2 * (begin + k);
    const uniform = random.uniform(draw) + 2 ** -24 * random.uniform(draw + 1);
    return Math.floor(uniform * numStarts);
  });
}

/** The starts of at most `maxCount` windows that are spread evenly over the text and do not overlap; deterministic. */
export function evenStarts(
  { text, context }: Windows,
  { maxCount }: { readonly maxCount: number },
): number[] {
  const numStarts = text.length - context;
  const count = Math.min(maxCount, Math.floor((text.length - 1) / context));
  return Array.from(
    { length: count },
    (_, k) => count === 1 ? 0 : Math.floor(k * (numStarts - 1) / (count - 1)),
  );
}

/** A replica's part of `starts`; the first replicas have more if they do not divide evenly. */
export function startsOf(starts: readonly number[], { rank, size }: Replica): readonly number[] {
  const { begin, end } = shardRange(starts.length, size, rank);
  return starts.slice(begin, end);
}

/** The windows that begin at `starts`. */
export function makeBatch(
  device: Device,
  { text, context, starts }: Windows & { readonly starts: readonly number[] },
): TokenBatch {
  const shape = [starts.length, context];
  const windowsAfter = (offset: number): Tensor<"u32"> => {
    const tokens = new Uint32Array(starts.length * context);
    starts.forEach((start, row) => {
      tokens.set(text.subarray(start + offset, start + offset + context), row * context);
    });
    return Tensor.from(device, tokens, { shape });
  };
  const scope = new DisposableStack();
  return {
    tokens: scope.use(windowsAfter(0)),
    targets: scope.use(windowsAfter(1)),
    [Symbol.dispose]: () => scope.dispose(),
  };
}

/** Separates these random numbers from those of initial values, which use the seed itself. */
const BATCHES = 0x62617463;
