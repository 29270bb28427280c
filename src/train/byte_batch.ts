// Batches of contexts and the bytes that follow them. Example i of step t is a function of (seed, t, i) alone, so the
// batch is the same whatever the mesh; a data-parallel rank takes its run of it.

import type { Device } from "../device/device.ts";
import { type Range, shardRange } from "../dist/layout.ts";
import type { RandomStream } from "../nn/philox.ts";
import { Tensor } from "../tensor/tensor.ts";

/** This rank's part of a batch. Disposing it releases both tensors. */
export interface ByteBatch extends Disposable {
  /** [B_r, T] bytes. */
  readonly contexts: Tensor<"u32">;
  /** [B_r] the byte after each context. */
  readonly targets: Tensor<"u32">;
  /** B: examples on all data-parallel ranks together. */
  readonly globalSize: number;
}

/** Where batches come from. */
export interface ByteBatchOptions {
  readonly text: Uint8Array;
  /** T: bytes of context. */
  readonly context: number;
  /** B: examples on all data-parallel ranks together. */
  readonly globalSize: number;
  /** Which part of the batch is ours. */
  readonly replica: { readonly rank: number; readonly size: number };
}

/** Examples drawn at random, those of `step` (1, 2, ...). */
export function drawBatch(
  device: Device,
  { random, step, ...options }: ByteBatchOptions & {
    readonly random: RandomStream;
    readonly step: number;
  },
): ByteBatch {
  const { text, context, globalSize } = options;
  return makeBatch(device, options, (index) => {
    const draw = 2 * (step * globalSize + index);
    const uniform = random.uniform(draw) + 2 ** -24 * random.uniform(draw + 1);
    return context + Math.floor(uniform * (text.length - context));
  });
}

/** Examples spread evenly over the text: the same ones every time. */
export function evenBatch(device: Device, options: ByteBatchOptions): ByteBatch {
  const { text, context, globalSize } = options;
  return makeBatch(
    device,
    options,
    (index) => context + Math.floor(index * (text.length - context) / globalSize),
  );
}

function makeBatch(
  device: Device,
  { text, context, globalSize, replica }: ByteBatchOptions,
  position: (index: number) => number,
): ByteBatch {
  const { begin, end }: Range = shardRange(globalSize, replica.size, replica.rank);
  const contexts = new Uint32Array((end - begin) * context);
  const targets = new Uint32Array(end - begin);
  for (let index = begin; index < end; index++) {
    const at = position(index);
    contexts.set(text.subarray(at - context, at), (index - begin) * context);
    targets[index - begin] = text[at];
  }
  const scope = new DisposableStack();
  return {
    contexts: scope.use(Tensor.from(device, contexts, { shape: [end - begin, context] })),
    targets: scope.use(Tensor.from(device, targets)),
    globalSize,
    [Symbol.dispose]: () => scope.dispose(),
  };
}
