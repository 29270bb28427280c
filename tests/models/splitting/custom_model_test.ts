// A model class of the user's own works with parallelize() if it defines planSplit().

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { ModelConfig } from "../../../src/models/config/model_config.ts";
import { parallelize } from "../../../src/models/parallelize.ts";
import { type PlanSplitOptions, PretrainedModel } from "../../../src/models/pretrained_model.ts";
import { requireGatheredLogits, type SplitPlan } from "../../../src/models/splitting/split_plan.ts";
import { LayerMaker } from "../../../src/nn/layer_maker.ts";
import type { Layer } from "../../../src/nn/module.ts";
import { InitialParameters } from "../../../src/nn/parameter_source.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { gelu } from "../../../src/ops/gelu.ts";
import { mean } from "../../../src/ops/mean.ts";
import { mul } from "../../../src/ops/mul.ts";
import type { FloatTensor } from "../../../src/tensor/tensor.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { assertTrainsAsWhole } from "../../support/nn/split_training.ts";

/** x [B, 5] -> [B, 3] through 7 features, which are split over the ranks. */
class Regressor extends PretrainedModel<FloatTensor> {
  hidden: Layer;
  output: Layer;

  constructor(device: Device) {
    const config = new ModelConfig("{}");
    super({ config, names: { modules: { hidden: "hidden", output: "output" } } });
    const source = new InitialParameters(device, { random: new RandomSource(3) });
    const make = new LayerMaker(source, { deviation: 0.5 });
    this.hidden = make.linear("hidden", { inFeatures: 5, outFeatures: 7, bias: true });
    this.output = make.linear("output", { inFeatures: 7, outFeatures: 3, bias: true });
  }

  override async forward(x: FloatTensor): Promise<Tensor> {
    return await this.output.forward(gelu(await this.hidden.forward(x)));
  }

  override planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): void {
    requireGatheredLogits(this, gatherLogits);
    plan.columnParallel(this, "hidden");
    plan.rowParallel(this, "output");
  }

  async loss(): Promise<Tensor> {
    const [{ device }] = this.parameters();
    const x = Tensor.from(device, Float32Array.from({ length: 20 }, (_, k) => Math.sin(k)), {
      shape: [4, 5],
    });
    const y = await this.forward(x);
    return mean(mul(y, y));
  }
}

for (const [tensor, zero] of [[2, 1], [3, 2]] as const) {
  Deno.test(`a user's model class that defines planSplit() trains on tensor ${tensor} x ZeRO ${zero} as on one rank`, async () => {
    await assertTrainsAsWhole({
      tensor,
      zero,
      tolerance: 1e-4,
      whole: (device) => new Regressor(device),
      split: async (device, { mesh }) => {
        const model = new Regressor(device);
        await parallelize(model, mesh);
        const splits = model.parameters().map(({ layout }) => layout.splits.length);
        assert.deepEqual(splits, [1, 1, 1, 0]);
        return model;
      },
    });
  });
}

Deno.test("an error of a user's planSplit() rejects parallelize(), and changes nothing", async () => {
  await inProcessRanks(2, async (world) => {
    using device = wasmDevice();
    const mesh = ProcessGroupMesh.over(world, 2);
    using model = new Regressor(device);
    const { hidden, output } = model;
    await assert.rejects(parallelize(model, mesh, { gatherLogits: false }), {
      name: "TypeError",
      message: /Cannot leave the logits of a Regressor/,
    });
    assert.deepEqual([model.hidden, model.output], [hidden, output]);
  });
});
