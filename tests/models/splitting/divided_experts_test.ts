// Experts whole on ranks, to which tokens are sent: the bits of one rank, and what transformers computes.

import assert from "node:assert/strict";
import { loadPretrained } from "../../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../../src/checkpoint/save_pretrained.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { shardRange } from "../../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import type { World } from "../../../src/distributed/world.ts";
import { Experts } from "../../../src/models/blocks/experts.ts";
import { RoutingRecord } from "../../../src/models/blocks/routing_record.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { parallelize } from "../../../src/models/parallelize.ts";
import { planExperts } from "../../../src/models/splitting/split_experts.ts";
import { SplitPlan } from "../../../src/models/splitting/split_plan.ts";
import { LayerMaker } from "../../../src/nn/layer_maker.ts";
import { InitialParameters } from "../../../src/nn/parameter_source.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { silu } from "../../../src/ops/activation.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { RandomValues } from "../../support/device/random_values.ts";
import { webgpuTest } from "../../support/device/webgpu_adapter.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { goldenModels } from "../../support/goldens.ts";
import { compareGradients, compareTraining } from "../../support/models/golden_model.ts";
import { dividedRun } from "../../support/models/golden_runs.ts";
import { smallConfigs } from "../../support/models/small_configs.ts";
import { MESHES } from "../../support/models/split_golden_model.ts";

const [WIDTH, NUM_EXPERTS] = [6, 5];

/** Output, and gradients of x and all parameters, of experts that are whole or divided over the ranks of the world. */
async function run(world: World, numTokens: number, isDivided: boolean) {
  using device = wasmDevice();
  const source = new InitialParameters(device, { random: new RandomSource(2) });
  using experts = new Experts(new LayerMaker(source, { deviation: 0.8 }), {
    width: WIDTH,
    description: {
      kind: "experts",
      count: NUM_EXPERTS,
      width: 7,
      activation: silu,
      routing: { numChosen: 2, scores: "softmax", isNormalized: true },
      outputDeviation: 0.8,
    },
  });
  if (isDivided) {
    const mesh = ProcessGroupMesh.over(world, world.worldSize);
    const plan = await SplitPlan.along(mesh, 0, { experts: "whole" });
    planExperts(plan, experts);
    plan.apply();
  }
  const random = new RandomValues(5);
  const shape = [numTokens, WIDTH];
  const values = random.signed(numTokens * WIDTH);
  const before = device.statistics().liveBytes;
  using x = Tensor.from(device, values, { shape, requiresGrad: true });
  using w = Tensor.from(device, random.signed(values.length), { shape });
  const routing = new RoutingRecord();
  const y = await experts.forward({ x, routing });
  const output = await y.data();
  {
    using loss = sum(mul(y, w));
    await loss.backward();
  }
  const gradients = new Map([["x", await x.grad!.data()]]);
  for (const [path, { grad }] of experts.namedParameters()) {
    gradients.set(path, Float32Array.from(await grad!.data()));
  }
  experts.zeroGrad();
  for (const each of [x, w]) each[Symbol.dispose]();
  assert.equal(device.statistics().liveBytes, before);
  return { output, gradients, counts: routing.tokensPerExpert };
}

for (const numRanks of [2, 3, 5]) {
  for (const numTokens of [13, 2, 1]) {
    Deno.test(`experts divided over ${numRanks} ranks: ${numTokens} tokens have the values and gradients of one rank to the bit`, async () => {
      const [one] = await inProcessRanks(1, (world) => run(world, numTokens, false));
      const all = await inProcessRanks(numRanks, (world) => run(world, numTokens, true));
      for (const [rank, { output, gradients, counts }] of all.entries()) {
        assertSameBits(output, one.output);
        assert.deepEqual(counts, one.counts);
        const { begin, end } = shardRange(NUM_EXPERTS, numRanks, rank);
        for (const [name, whole] of one.gradients) {
          const perExpert = name.startsWith("stack.") ? whole.length / NUM_EXPERTS : undefined;
          const want = perExpert === undefined
            ? whole
            : whole.subarray(begin * perExpert, end * perExpert);
          assertSameBits(gradients.get(name)!, want, name);
        }
      }
    });
  }
}

for (const family of ["mixtral", "deepseek_v3"]) {
  const folder = `${goldenModels}/${family}`;
  for (const [tensor, zero] of MESHES) {
    Deno.test(`${family} with experts divided over ${tensor} ranks x ZeRO ${zero} is that of transformers`, async () => {
      await inProcessRanks(tensor * zero, async (world) => {
        using device = wasmDevice();
        const dividedOver = await dividedRun(family, ProcessGroupMesh.over(world, tensor, zero));
        await compareGradients(device, { folder, run: dividedOver });
        for (const setting of ["relative", "external"] as const) {
          for (const perMatrix of [false, true]) {
            await compareTraining(device, { folder, run: dividedOver, setting, perMatrix });
          }
        }
      });
    });
  }
}

webgpuTest(
  "mixtral with experts divided over 2 ranks is that of transformers, on webgpu",
  async () => {
    const folder = `${goldenModels}/mixtral`;
    await inProcessRanks(2, async (world) => {
      using device = await requestDevice({ kind: "webgpu" });
      const dividedOver = await dividedRun("mixtral", ProcessGroupMesh.over(world, 2, 1));
      await compareGradients(device, { folder, run: dividedOver });
    });
  },
);

for (const experts of ["features", "whole"] as const) {
  Deno.test(`a model whose ranks have experts' ${experts} is saved with the bits that it had`, async () => {
    const saved = await Deno.makeTempDir();
    try {
      using device = wasmDevice();
      const make = () => newModel(device, smallConfigs.mixtral, { random: new RandomSource(1) });
      await inProcessRanks(2, async (world) => {
        using model = make();
        await parallelize(model, ProcessGroupMesh.over(world, 2), { experts });
        await savePretrained(model, saved);
      });
      using whole = make();
      using loaded = await loadPretrained(device, saved);
      for (const [path, parameter] of loaded.namedParameters()) {
        const want = await whole.namedParameters().get(path)!.bytes();
        assertSameBits(await parameter.bytes(), want, path);
      }
    } finally {
      await Deno.remove(saved, { recursive: true });
    }
  });
}

Deno.test("parallelize() refuses experts that cannot be divided so, and changes nothing", async () => {
  await inProcessRanks(4, async (world) => {
    using device = wasmDevice();
    const mesh = ProcessGroupMesh.over(world, 4);
    const random = new RandomSource(1);
    using model = newModel(device, { ...smallConfigs.mixtral, num_key_value_heads: 4 }, {
      random,
      model: Decoder,
    });
    const names = [...model.namedParameters().keys()];
    await assert.rejects(() => parallelize(model, mesh, { experts: "whole" }), {
      name: "RangeError",
      message: /Cannot divide 3 experts of blocks\.0\.mlp\.stack\.down over 4 ranks: each must/,
    });
    await assert.rejects(
      // @ts-expect-error: no such value
      () => parallelize(model, mesh, { experts: "halves" }),
      /must be "features" or "whole", got halves/,
    );
    assert.ok(model.parameters().every(({ layout }) => layout.splits.length === 0));
    assert.deepEqual([...model.namedParameters().keys()], names);
    using plain = newModel(device, smallConfigs.llama, { random });
    await assert.rejects(() => parallelize(plain, mesh, { experts: "whole" }), {
      name: "TypeError",
      message: /a Decoder of this config has none: leave experts out/,
    });
  });
});
