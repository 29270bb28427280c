// Embedding, output layer and loss split by vocabulary against whole ones: outputs, gradients and training, tied and not, with
// vocabularies that do not divide by the number of ranks.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Embedding } from "../../../src/nn/embedding.ts";
import { Linear } from "../../../src/nn/linear.ts";
import { Module } from "../../../src/nn/module.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { vocabParallelCrossEntropy } from "../../../src/nn/parallel/vocab_parallel_cross_entropy.ts";
import { VocabParallelEmbedding } from "../../../src/nn/parallel/vocab_parallel_embedding.ts";
import { VocabParallelHead } from "../../../src/nn/parallel/vocab_parallel_head.ts";
import { gelu } from "../../../src/ops/gelu.ts";
import { crossEntropy, IGNORE_INDEX } from "../../../src/ops/cross_entropy.ts";
import { scale } from "../../../src/ops/scale.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { webgpuTest } from "../../support/device/webgpu_adapter.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { randomValues } from "../../support/ops/gradient_check.ts";
import {
  assertNear,
  assertTrainsAsWhole,
  type Trainable,
} from "../../support/nn/split_training.ts";

const WIDTH = 6;

/** Predicts each token's target from the token alone. */
class Guesser extends Module<Tensor<"u32">> implements Trainable {
  embedding: Embedding | VocabParallelEmbedding;
  head: Linear | VocabParallelHead;
  readonly #batch: Batch;
  readonly #group: ProcessGroup | undefined;

  constructor(layers: Pick<Guesser, "embedding" | "head">, batch: Batch, group?: ProcessGroup) {
    super();
    this.embedding = layers.embedding;
    this.head = layers.head;
    this.#batch = batch;
    this.#group = group;
  }

  static whole(device: Device, batch: Batch): Guesser {
    const random = new RandomSource(5);
    const sizes = { numEmbeddings: batch.numClasses, embeddingDim: WIDTH };
    const { weight } = new Embedding(device, { ...sizes, random });
    const embedding = new Embedding(device, { weight, paddingIndex: 3 });
    const head = new Linear(device, {
      inFeatures: WIDTH,
      outFeatures: batch.numClasses,
      random,
      bias: false,
    });
    if (batch.isTied) {
      head.weight[Symbol.dispose]();
      return new Guesser(
        { embedding, head: new Linear(device, { weight, bias: undefined }) },
        batch,
      );
    }
    return new Guesser({ embedding, head }, batch);
  }

  static split(device: Device, batch: Batch, options: {
    readonly processGroup: ProcessGroup;
    readonly gatherOutput: boolean;
  }): Guesser {
    const whole = Guesser.whole(device, batch);
    const embedding = VocabParallelEmbedding.fromNativeModule(
      whole.embedding as Embedding,
      { processGroup: options.processGroup },
    );
    const head = batch.isTied
      ? VocabParallelHead.tiedTo(embedding, options)
      : VocabParallelHead.fromNativeModule(whole.head as Linear, options);
    const group = options.gatherOutput ? undefined : options.processGroup;
    return new Guesser({ embedding, head }, batch, group);
  }

  override async forward(tokens: Tensor<"u32">): Promise<Tensor> {
    return await this.head.forward(gelu(await this.embedding.forward(tokens)));
  }

  async loss(): Promise<Tensor> {
    const { device } = this.embedding.weight;
    const { numClasses, ignored, shape } = this.#batch;
    // Released by the garbage collector, as backward does not release leaves.
    const tokens = Tensor.from(device, this.#batch.tokens, { shape, dtype: "u32" });
    const targets = Tensor.from(device, this.#batch.targets, { shape, dtype: "u32" });
    const logits = await this.forward(tokens);
    if (this.#group === undefined) return crossEntropy(logits, targets, { ignored });
    const processGroup = this.#group;
    return await vocabParallelCrossEntropy(logits, targets, { processGroup, numClasses, ignored });
  }
}

interface Batch {
  readonly numClasses: number;
  readonly isTied: boolean;
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
  readonly shape: readonly number[];
  readonly ignored: number;
}

function batchOf(numClasses: number, isTied: boolean): Batch {
  const rows = 22;
  const tokens = Array.from({ length: rows }, (_, t) => (t * 7 + 3) % numClasses);
  const targets = tokens.map((token, t) =>
    t % 5 === 4 ? IGNORE_INDEX : (token * 3 + 1) % numClasses
  );
  return { numClasses, isTied, tokens, targets, shape: [2, 11], ignored: IGNORE_INDEX };
}

for (const isTied of [true, false]) {
  for (
    const [tensor, zero, zeroStage, numClasses] of [
      [2, 1, 1, 11],
      [4, 1, 1, 13],
      [3, 1, 1, 4],
      [2, 2, 1, 11],
      [2, 2, 2, 8],
    ] as const
  ) {
    for (const gatherOutput of [false, true]) {
      const what = `${isTied ? "one table" : "two tables"} of ${numClasses} tokens`;
      const how = gatherOutput ? "with gathered logits" : "without gathering logits";
      Deno.test(`${what} on tensor ${tensor} x ZeRO ${zero}, stage ${zeroStage}, train as on one rank, ${how}`, async () => {
        const batch = batchOf(numClasses, isTied);
        await assertTrainsAsWhole({
          tensor,
          zero,
          zeroStage,
          whole: (device) => Guesser.whole(device, batch),
          split: (device, { group }) =>
            Promise.resolve(Guesser.split(device, batch, { processGroup: group, gatherOutput })),
        });
      });
    }
  }
}

/** [leading dims, classes, ranks]: only padding on the last rank, one class, more ranks than classes. */
const LOSSES = [[[5], 13, 4], [[2, 3], 5, 4], [[3], 1, 2], [[7], 65, 3], [[4], 6, 1]] as const;

async function assertLossAsWhole(device: Device, group: ProcessGroup): Promise<void> {
  for (const [leading, numClasses, size] of LOSSES) {
    if (group.size !== size) continue;
    const rows = leading.reduce((product: number, length) => product * length, 1);
    const width = Math.ceil(numClasses / size);
    const random = new RandomSource(numClasses);
    const values = randomValues(rows * numClasses, random).map((value) => 30 * value);
    const targets = Array.from(
      { length: rows },
      (_, r) => r === 1 ? IGNORE_INDEX : (5 * r) % numClasses,
    );
    using t = Tensor.from(device, targets, { shape: leading, dtype: "u32" });
    using whole = Tensor.from(device, values, {
      shape: [...leading, numClasses],
      requiresGrad: true,
    });
    using expected = scale(crossEntropy(whole, t, { ignored: IGNORE_INDEX }), 10);
    await expected.backward();
    // Padding holds arbitrary numbers.
    const own = Array.from({ length: rows * width }, (_, i) => {
      const column = group.rank * width + i % width;
      return column < numClasses ? Math.floor(i / width) * numClasses + column : -1;
    });
    using logits = Tensor.from(device, own.map((at) => at < 0 ? NaN : values[at]), {
      shape: [...leading, width],
      requiresGrad: true,
    });
    const options = { processGroup: group, numClasses, ignored: IGNORE_INDEX };
    const mean = await vocabParallelCrossEntropy(logits, t, options);
    using loss = scale(mean, 10);
    await loss.backward();
    assertNear([await loss.item()], [await expected.item()], { tolerance: 1e-6, what: "loss" });
    const gradient = await whole.grad!.data();
    assertNear(await logits.grad!.data(), own.map((at) => at < 0 ? 0 : gradient[at]), {
      tolerance: 1e-6,
      what: "dlogits",
      largest: 10,
    });
  }
}

for (const size of [1, 2, 3, 4]) {
  Deno.test(`vocabParallelCrossEntropy() on ${size} ranks equals crossEntropy() of all logits, whatever the padding holds`, async () => {
    await inProcessRanks(size, async ({ group }) => {
      using device = wasmDevice();
      await assertLossAsWhole(device, group);
    });
  });
}

webgpuTest(
  "vocabParallelCrossEntropy() and VocabParallelEmbedding work on webgpu too",
  async () => {
    await inProcessRanks(4, async ({ group }) => {
      using device = await requestDevice({ kind: "webgpu" });
      await assertLossAsWhole(device, group);
      using whole = new Embedding(device, {
        numEmbeddings: 13,
        embeddingDim: 3,
        random: new RandomSource(1),
      });
      using tokens = Tensor.from(device, [12, 0, 7, 3], { dtype: "u32" });
      using y = await whole.forward(tokens);
      const expected = await y.data();
      using split = VocabParallelEmbedding.fromNativeModule(whole, { processGroup: group });
      using z = await split.forward(tokens);
      assertSameBits(await z.data(), expected);
    });
  },
);

Deno.test("vocabParallelCrossEntropy() is finite for logits of a thousand, and NaN on all ranks if it is on one", async () => {
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    const all = [1000, -1000, 999, 3, NaN, 1, 2, 3];
    const own = all.filter((_, i) => Math.floor(i % 4 / 2) === group.rank);
    using logits = Tensor.from(device, own, { shape: [2, 2] });
    const options = { processGroup: group, numClasses: 4, ignored: 3 };
    using first = Tensor.from(device, [1, 3], { dtype: "u32" });
    using loss = await vocabParallelCrossEntropy(logits, first, options);
    assert.ok(Math.abs(await loss.item() - (2000 + Math.log1p(Math.exp(-1)))) < 1e-3);
    using second = Tensor.from(device, [3, 2], { dtype: "u32" });
    using lost = await vocabParallelCrossEntropy(logits, second, options);
    assert.ok(Number.isNaN(await lost.item()));
    using none = Tensor.from(device, [3, 3], { dtype: "u32" });
    using nothing = await vocabParallelCrossEntropy(logits, none, options);
    assert.ok(Number.isNaN(await nothing.item()));
  });
});

Deno.test("VocabParallelHead and vocabParallelCrossEntropy() send 3 numbers per row, not the logits", async () => {
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    const batch = batchOf(4096, false);
    using model = Guesser.split(device, batch, { processGroup: group, gatherOutput: false });
    const before = { ...group.counters };
    using loss = await model.loss();
    await loss.backward();
    // Embedding, statistics, and the gradient of the head's input.
    assert.equal(group.counters.collectives - before.collectives, 3);
    const bytes = group.counters.bytesSent - before.bytesSent;
    const rows = batch.tokens.length;
    assert.ok(bytes < 4 * rows * (3 + 2 * WIDTH) + 1000, `${bytes} bytes`);
    model.zeroGrad();
  });
});

Deno.test("layers split by vocabulary refuse on all ranks what whole ones refuse", async () => {
  const messages = await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    const sizes = { numEmbeddings: 7, embeddingDim: 2, random: new RandomSource(1) };
    using embedding = VocabParallelEmbedding.fromNativeModule(new Embedding(device, sizes), {
      processGroup: group,
    });
    assert.deepEqual(embedding.weight.shape, [3, 2]);
    const options = { processGroup: group, numClasses: 7 };
    using beyond = Tensor.from(device, [0, 7], { dtype: "u32" });
    using logits = Tensor.from(device, new Float32Array(6), { shape: [2, 3] });
    using narrow = Tensor.from(device, new Float32Array(4), { shape: [2, 2] });
    const failures = [
      embedding.forward(beyond),
      vocabParallelCrossEntropy(logits, beyond, options),
      vocabParallelCrossEntropy(narrow, beyond, options),
    ];
    const settled = await Promise.allSettled(failures);
    return settled.map((each) => each.status === "rejected" ? each.reason.message : "");
  });
  assert.match(messages[0][0], /VocabParallelEmbedding\(\) wants indices under 7, got 7/);
  assert.match(messages[0][1], /vocabParallelCrossEntropy\(\) wants indices under 7, got 7/);
  assert.match(messages[0][2], /7 classes on 3 ranks wants logits of \[\.\.\., 3\]/);
  assert.deepEqual(messages[1], messages[0]);
  assert.deepEqual(messages[2], messages[0]);
});
