// Layers label their collectives: a rank that calls two layers of the same shape in another order gets an error that names the
// parameters, and no other layer's values.

import { match, ok, rejects } from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import type { Device } from "../../../src/device/device.ts";
import { Embedding } from "../../../src/nn/embedding.ts";
import { Linear } from "../../../src/nn/linear.ts";
import type { Module } from "../../../src/nn/module.ts";
import { Linear1DCol } from "../../../src/nn/parallel/linear_1d_col.ts";
import { Linear1DRow } from "../../../src/nn/parallel/linear_1d_row.ts";
import { VocabParallelEmbedding } from "../../../src/nn/parallel/vocab_parallel_embedding.ts";
import { VocabParallelHead } from "../../../src/nn/parallel/vocab_parallel_head.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { sum } from "../../../src/ops/sum.ts";
import type { Parameter } from "../../../src/tensor/parameter.ts";
import type { AnyTensor } from "../../../src/tensor/autograd.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";

type Layer = Pick<Module<never>, "parameters"> & { readonly weight: Parameter };

interface Tested {
  readonly make: (device: Device, processGroup: ProcessGroup) => Layer;
  /** All calls of one layer, forwards and backwards. */
  readonly use: (layer: Layer, device: Device) => Promise<void>;
}

const tokens = (device: Device) => Tensor.from(device, [0, 3], { shape: [2], dtype: "u32" });
const activations = (device: Device) =>
  Tensor.from(device, new Float32Array(8).fill(1), { shape: [2, 4], requiresGrad: true });
const linear = (device: Device) =>
  new Linear(device, { inFeatures: 4, outFeatures: 4, bias: false, random: new RandomSource(1) });

async function forwardAndBackward(layer: Layer, x: AnyTensor): Promise<void> {
  const y = await (layer as unknown as Module<AnyTensor>).forward(x) as Tensor;
  await sum(y).backward();
}

const layers: Readonly<Record<string, Tested>> = {
  Linear1DCol: {
    make: (device, processGroup) => Linear1DCol.fromNativeModule(linear(device), { processGroup }),
    use: (layer, device) => forwardAndBackward(layer, activations(device)),
  },
  "Linear1DCol without overlap": {
    make: (device, processGroup) =>
      Linear1DCol.fromNativeModule(linear(device), { processGroup, overlap: false }),
    use: (layer, device) => forwardAndBackward(layer, activations(device)),
  },
  Linear1DRow: {
    make: (device, processGroup) =>
      Linear1DRow.fromNativeModule(linear(device), { processGroup, parallelInput: false }),
    use: (layer, device) => forwardAndBackward(layer, activations(device)),
  },
  VocabParallelEmbedding: {
    make: (device, processGroup) =>
      VocabParallelEmbedding.fromNativeModule(
        new Embedding(device, { numEmbeddings: 4, embeddingDim: 4, random: new RandomSource(1) }),
        { processGroup },
      ),
    use: (layer, device) => forwardAndBackward(layer, tokens(device)),
  },
  VocabParallelHead: {
    make: (device, processGroup) =>
      VocabParallelHead.fromNativeModule(linear(device), { processGroup, gatherOutput: true }),
    use: (layer, device) => forwardAndBackward(layer, activations(device)),
  },
};

for (const [name, { make, use }] of Object.entries(layers)) {
  Deno.test(`${name}: two layers in another order on one rank are an error that names both weights`, async () => {
    await inProcessRanks(2, async ({ group, rank }) => {
      using device = wasmDevice();
      const both = ["query", "key"].map((name) => {
        const layer = make(device, group);
        layer.weight.name = name;
        return layer;
      });
      for (const layer of both) await use(layer, device);
      const wrong = async () => {
        for (const layer of rank === 0 ? both : both.toReversed()) await use(layer, device);
      };
      await rejects(wrong(), (error) => {
        ok(error instanceof PeerLostError, String(error));
        match(error.message, /label "[a-z ]*\bquery" on rank 0/);
        match(error.message, /"[a-z ]*\bkey" on rank 1/);
        return true;
      });
    });
  });
}
