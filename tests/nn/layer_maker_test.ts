import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { LayerMaker } from "../../src/nn/layer_maker.ts";
import type { ConvolutionLayer } from "../../src/nn/convolution_layer.ts";
import { Module } from "../../src/nn/module.ts";
import { InitialParameters } from "../../src/nn/parameter_source.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { assertWithin } from "../support/ops/gradient_check.ts";

/** Every kind of layer, each in the field of its name. */
class EveryLayer extends Module {
  readonly table: Module<Tensor<"u32">>;
  readonly layers: readonly Module[];
  readonly turned: Module;
  readonly last: Module;
  readonly convolutions: readonly ConvolutionLayer<unknown>[];

  constructor(make: LayerMaker) {
    super();
    this.table = make.embedding("table", { numEmbeddings: 7, embeddingDim: 3, paddingIndex: 2 });
    const layers = make.within("layers");
    this.layers = [
      layers.linear("0", { inFeatures: 3, outFeatures: 4, bias: true }),
      layers.layerNorm("1", { features: 4, eps: 1e-5 }),
    ];
    this.turned = make.linear("turned", {
      inFeatures: 4,
      outFeatures: 5,
      bias: true,
      storage: "inOut",
      deviation: 0.5,
    });
    this.last = make.rmsNorm("last", { features: 5, eps: 1e-5 });
    const convolutions = make.within("convolutions");
    const sizes = { inChannels: 4, outChannels: 6, groups: 2, bias: true };
    this.convolutions = [
      convolutions.conv1d("0", { ...sizes, kernel: [3], stride: 2, padding: 1 }),
      convolutions.conv2d("1", { ...sizes, kernel: [3, 2], stride: [2, 1], dilation: 2 }),
      convolutions.convTranspose2d("2", { ...sizes, kernel: [3, 2], stride: 2, outputPadding: 1 }),
    ];
  }

  override async forward(x: Tensor): Promise<Tensor> {
    for (const layer of [...this.layers, this.turned, this.last]) x = await layer.forward(x);
    return x;
  }
}

function make(device = wasmDevice(), seed = 1): EveryLayer {
  return new EveryLayer(
    new LayerMaker(new InitialParameters(device, { random: new RandomSource(seed) })),
  );
}

Deno.test("a LayerMaker requests parameters by the paths of Module.namedParameters()", () => {
  using device = wasmDevice();
  const asked: string[] = [];
  const source = new InitialParameters(device, { random: new RandomSource(1) });
  using model = new EveryLayer(
    new LayerMaker({
      device,
      parameter(path, wanted) {
        asked.push(path);
        return source.parameter(path, wanted);
      },
    }),
  );
  assert.deepEqual(asked, [...model.namedParameters().keys()]);
  assert.deepEqual(asked.filter((path) => path.startsWith("layers.1")), [
    "layers.1.weight",
    "layers.1.bias",
  ]);
});

Deno.test("models of the same seed have the same initial values, with the distribution of each kind of layer", async () => {
  using device = wasmDevice();
  using one = make(device);
  using same = make(device);
  using other = make(device, 2);
  const valuesOf = (model: EveryLayer) =>
    Promise.all([...model.namedParameters()].map(async ([path, p]) => [path, await p.data()]));
  assertSameBits(await valuesOf(one), await valuesOf(same));
  assertOtherBits(await valuesOf(one), await valuesOf(other));
  const values = Object.fromEntries(await valuesOf(one)) as Record<string, Float32Array>;
  for (const path of ["layers.1.weight", "last.weight"]) {
    assert.ok(values[path].every((value) => value === 1), path);
  }
  for (const path of ["layers.0.bias", "layers.1.bias", "turned.bias"]) {
    assert.ok(values[path].every((value) => value === 0), path);
  }
  const rms = (path: string) => Math.hypot(...values[path]) / Math.sqrt(values[path].length);
  assert.ok(Math.abs(rms("table.weight") - 0.02) < 0.01, String(rms("table.weight")));
  assert.ok(Math.abs(rms("turned.weight") - 0.5) < 0.2, String(rms("turned.weight")));
});

Deno.test("a layer whose weight is [in, out] computes the same as one of [out, in]", async () => {
  using device = wasmDevice();
  const source = new InitialParameters(device, { random: new RandomSource(3) });
  const layers = new LayerMaker(source, { deviation: 1 });
  const sizes = { inFeatures: 3, outFeatures: 2, bias: true };
  using usual = layers.linear("a", sizes);
  using turned = layers.linear("b", { ...sizes, storage: "inOut" });
  const weight = await turned.weight.data();
  assert.deepEqual(turned.weight.shape, [3, 2]);
  usual.weight.write([0, 1].flatMap((o) => [0, 1, 2].map((i) => weight[2 * i + o])));
  for (const layer of [usual, turned]) layer.bias!.write([5, -7]);
  using x = Tensor.from(device, [1, 2, 3, -4, 5, 0.5], { shape: [2, 3] });
  using expected = await usual.forward(x);
  using y = await turned.forward(x);
  assertWithin(await y.data(), await expected.data(), { tolerance: 1e-6, what: "y" });
});

Deno.test("a LayerMaker's convolutions have the kernels and settings that were asked for", async () => {
  using device = wasmDevice();
  using model = make(device);
  using rows = Tensor.from(device, new Float32Array(4 * 9), { shape: [1, 4, 9] });
  using images = Tensor.from(device, new Float32Array(4 * 9 * 7), { shape: [1, 4, 9, 7] });
  const shapes: number[][] = [];
  for (const [i, layer] of model.convolutions.entries()) {
    using y = await layer.forward(i === 0 ? rows : images);
    shapes.push([...layer.weight.shape], [...y.shape]);
  }
  assert.deepEqual(shapes, [
    [6, 2, 3],
    [1, 6, 5],
    [6, 2, 3, 2],
    [1, 6, 3, 5],
    [4, 3, 3, 2],
    [1, 6, 20, 15],
  ]);
});

Deno.test("norms use their own eps", async () => {
  using device = wasmDevice();
  const layers = new LayerMaker(new InitialParameters(device, { random: new RandomSource(3) }));
  using x = Tensor.from(device, [3, -3], { shape: [1, 2] });
  for (const kind of ["layerNorm", "rmsNorm"] as const) {
    using layer = layers[kind]("norm", { features: 2, eps: 7 });
    using y = await layer.forward(x);
    assertWithin(await y.data(), [0.75, -0.75], { tolerance: 1e-6, what: kind });
  }
});
