// Windows of T tokens and, for each token, the one after it: the inputs and the targets of a language model.
//
//   tokens  [B, T]   text[s + t]              s: start of a window
//   targets [B, T]   text[s + t + 1]

import type { Device } from "../device/device.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { TokenSequence } from "./token_sequence.ts";

/** Windows on a device. Disposing it releases both tensors. */
export interface TokenBatch extends Disposable {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T]: the token after each. */
  readonly targets: Tensor<"u32">;
}

/** The starts of at most `maxCount` windows that are spread evenly over the text and do not overlap; deterministic. */
export function evenStarts(
  { text, context }: { readonly text: Pick<TokenSequence, "length">; readonly context: number },
  { maxCount }: { readonly maxCount: number },
): number[] {
  const numStarts = text.length - context;
  const count = Math.min(maxCount, Math.floor((text.length - 1) / context));
  return Array.from(
    { length: count },
    (_, k) => count === 1 ? 0 : Math.floor(k * (numStarts - 1) / (count - 1)),
  );
}

/** The windows that begin at `starts`. */
export function makeBatch(
  device: Device,
  { text, context, starts }: {
    readonly text: Pick<TokenSequence, "read">;
    readonly context: number;
    readonly starts: readonly number[];
  },
): TokenBatch {
  const shape = [starts.length, context];
  const tokens = new Uint32Array(starts.length * context);
  const targets = new Uint32Array(tokens.length);
  for (const [row, start] of starts.entries()) {
    const window = text.read(start, start + context + 1);
    tokens.set(window.subarray(0, -1), row * context);
    targets.set(window.subarray(1), row * context);
  }
  const scope = new DisposableStack();
  return {
    tokens: scope.use(Tensor.from(device, tokens, { shape })),
    targets: scope.use(Tensor.from(device, targets, { shape })),
    [Symbol.dispose]: () => scope.dispose(),
  };
}
