// Models whose blocks are recomputed in backward: the same bits, less memory, on ranks that split the layers too.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { requestDevice } from "../../src/device/request_device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import type { BertMaskedLm } from "../../src/models/bert.ts";
import type { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import { parallelize } from "../../src/models/parallelize.ts";
import { T5 } from "../../src/models/t5.ts";
import { Whisper } from "../../src/models/whisper.ts";
import { Blip2 } from "../../src/models/blip2.ts";
import { VitClassifier } from "../../src/models/vit.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { webgpuTest } from "../support/device/webgpu_adapter.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { imageTexts } from "../support/models/small_models.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";

type Config = Readonly<Record<string, unknown>>;
type How = "nothing" | "blocks";

/** Every gradient of a loss of logits, as bytes by name, and the peak memory. */
async function gradients(
  device: Device,
  { config, how, mesh, batch = 2 }: {
    readonly config: Config;
    readonly how: How;
    readonly mesh?: ProcessGroupMesh;
    readonly batch?: number;
  },
) {
  using model = newModel(device, config, { random: new RandomSource(1) });
  assert.equal(model.recompute, "nothing");
  model.recompute = how;
  assert.equal(model.recompute, how);
  if (mesh !== undefined) await parallelize(model, mesh);
  using scope = new DisposableStack();
  const indices = (of: (at: number) => number) =>
    scope.use(Tensor.from(device, Uint32Array.from({ length: 5 * batch }, (_, at) => of(at)), {
      shape: [batch, 5],
    }));
  const tokens = indices((at) => 1 + at % 10);
  const mask = indices((at) => at % 10 < 8 ? 1 : 0);
  const pixels = scope.use(Tensor.from(device, Float32Array.from({ length: 140 }, Math.sin), {
    shape: [2, 2, 5, 7],
  }));
  const sounds = scope.use(Tensor.from(device, Float32Array.from({ length: 48 }, Math.sin), {
    shape: [2, 3, 8],
  }));
  const seen = model instanceof Blip2 ? imageTexts(model, { rows: 2 }) : undefined;
  for (const each of Object.values(seen ?? {})) scope.use(each as Tensor);
  const logits = model instanceof T5
    ? await model.forward({ tokens, mask, targets: tokens })
    : model instanceof Whisper
    ? await model.forward({ features: sounds, targets: tokens })
    : model instanceof VitClassifier
    ? await model.forward({ pixels })
    : model instanceof Blip2
    ? await model.forward(seen!)
    : await (model as Decoder | BertMaskedLm).forward({ tokens, mask });
  {
    using loss = mean(mul(logits, logits));
    await loss.backward();
  }
  const found = new Map<string, Uint8Array>();
  for (const [name, { grad }] of model.namedParameters()) {
    if (grad !== undefined) found.set(name, await grad.bytes());
  }
  return { found, ...device.statistics() };
}

const configs: readonly Config[] = [
  ...Object.values(smallConfigs),
  ...Object.values(smallEncoderConfigs),
];

for (const config of configs) {
  Deno.test(`${config.model_type}: gradients of recomputed blocks have the same bits`, async () => {
    using device = wasmDevice();
    const kept = await gradients(device, { config, how: "nothing" });
    const again = await gradients(device, { config, how: "blocks" });
    assert.ok(kept.found.size > 10);
    assertSameBits(again.found, kept.found);
    assert.equal(again.liveBytes, kept.liveBytes);
    assert.ok(again.kernelsRun - kept.kernelsRun > kept.kernelsRun + 10, "more is computed");
  });
}

webgpuTest(
  "gpt2 on webgpu: gradients of blocks that are computed again have the same bits",
  async () => {
    using device = await requestDevice({ kind: "webgpu" });
    const config = smallConfigs.gpt2;
    const kept = await gradients(device, { config, how: "nothing" });
    assertSameBits((await gradients(device, { config, how: "blocks" })).found, kept.found);
  },
);

Deno.test("a deep model with recomputed blocks needs the memory of their inputs and of one block", async () => {
  const numBlocks = 24;
  const config = { ...smallConfigs.llama, num_hidden_layers: numBlocks, intermediate_size: 64 };
  const peaks = { nothing: 0, blocks: 0 };
  for (const how of ["nothing", "blocks"] as const) {
    using device = wasmDevice();
    // The rest are parameters and their gradients, which are small compared to activations here.
    const { peakBytes, liveBytes } = await gradients(device, { config, how, batch: 64 });
    peaks[how] = peakBytes - liveBytes;
  }
  assert.ok(peaks.blocks * 8 < peaks.nothing, JSON.stringify(peaks));
});

Deno.test("ranks that split the layers recompute blocks together, with the same bits", async () => {
  for (const config of [smallConfigs.gpt2, smallConfigs.llama]) {
    await inProcessRanks(2, async (world) => {
      using device = wasmDevice();
      const mesh = ProcessGroupMesh.over(world, 2, 1);
      const group = await mesh.getGroupAlongAxis(0);
      const numCalls = async (how: How) => {
        const before = group.counters.collectives;
        const { found } = await gradients(device, { config, how, mesh });
        return { found, calls: group.counters.collectives - before };
      };
      const kept = await numCalls("nothing");
      const again = await numCalls("blocks");
      assertSameBits(again.found, kept.found);
      // The two all-reduces of each block's forward run again.
      assert.equal(again.calls - kept.calls, 2 * 2);
    });
  }
});
