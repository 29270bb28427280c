import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { Block, type BlockOptions } from "../../../src/models/blocks/block.ts";
import type { Mlp } from "../../../src/models/blocks/mlp.ts";
import { LayerScale } from "../../../src/models/blocks/layer_scale.ts";
import { LayerMaker } from "../../../src/nn/layer_maker.ts";
import { InitialParameters } from "../../../src/nn/parameter_source.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { relu } from "../../../src/ops/activation.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

const makerOn = (device: Device) =>
  new LayerMaker(new InitialParameters(device, { random: new RandomSource(3) }), {
    deviation: 0.5,
  });

testOnEachDevice(
  "layer scale multiplies every feature by its factor, whose gradient sums over tokens",
  async (device) => {
    using scale = new LayerScale(makerOn(device), { width: 5, initial: 0.25 });
    assert.deepEqual([...await scale.factors.data()], new Array(5).fill(0.25));
    const random = new RandomValues(9);
    const [factors, values, weights] = [5, 30, 30].map((length) => random.signed(length));
    scale.factors.write(factors);
    using x = Tensor.from(device, values, { shape: [2, 3, 5], requiresGrad: true });
    using w = Tensor.from(device, weights, { shape: [2, 3, 5] });
    const y = await scale.forward(x);
    const expected = values.map((value, at) => value * factors[at % 5]);
    assertClose(await y.data(), expected, { absolute: 1e-6 });
    using loss = sum(mul(y, w));
    await loss.backward();
    const expectedOfX = weights.map((value, at) => value * factors[at % 5]);
    assertClose(await x.grad!.data(), expectedOfX, { absolute: 1e-6 });
    const sums = new Float32Array(5);
    weights.forEach((value, at) => sums[at % 5] += value * values[at]);
    assertClose(await scale.factors.grad!.data(), sums, { absolute: 1e-5 });
  },
);

const options: BlockOptions = {
  width: 6,
  norm: { kind: "layer", eps: 1e-6 },
  normPlace: "before",
  attention: {
    visible: "all",
    numHeads: 2,
    numKeyHeads: 2,
    headWidth: 3,
    projections: "separate",
    storage: "outIn",
    inputBias: true,
    outputBias: true,
    window: undefined,
    scale: 1,
    outputDeviation: 0.5,
  },
  mlp: {
    kind: "plain",
    width: 7,
    activation: relu,
    bias: true,
    storage: "outIn",
    outputDeviation: 0.5,
  },
};

testOnEachDevice(
  "a block with layer scale is one whose output layers have their rows scaled",
  async (device) => {
    using scaled = new Block(makerOn(device), { ...options, layerScale: 1e-5 });
    using plain = new Block(makerOn(device), options);
    const random = new RandomValues(4);
    const parts = [
      [scaled.attentionScale!, plain.attention.output],
      [scaled.mlpScale!, (plain.mlp as Mlp).down],
    ] as const;
    for (const [{ factors }, output] of parts) {
      const drawn = random.signed(6);
      factors.write(drawn);
      for (const parameter of output.parameters()) {
        const rowLength = parameter.length / 6;
        const values = await parameter.data();
        parameter.write(values.map((value, at) => value * drawn[Math.floor(at / rowLength)]));
      }
    }
    using x = Tensor.from(device, random.signed(24), { shape: [1, 4, 6] });
    using y = await scaled.forward({ x });
    using expected = await plain.forward({ x });
    assertClose(await y.data(), await expected.data(), { absolute: 1e-5 });
  },
);
