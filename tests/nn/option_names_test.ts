// Unknown options are errors that list the known ones, in every op and layer that has options; what is no object of options is, too.

import assert from "node:assert/strict";
import * as nn from "../../src/nn/mod.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";

const device = wasmDevice();
const x = nn.Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
const images = nn.reshape(x, [1, 1, 2, 2]);
const indices = nn.Tensor.from(device, [0, 1], { shape: [2, 1], dtype: "u32" });
const targets = nn.Tensor.from(device, [0, 1], { dtype: "u32" });

const layer = new nn.Linear(device, { inFeatures: 2, outFeatures: 2 });
const table = new nn.Embedding(device, { numEmbeddings: 2, embeddingDim: 2 });

/** Calls with the given options in place of those that the function has. */
const CALLS: Readonly<Record<string, (options: never) => unknown>> = {
  argmax: (options) => nn.argmax(x, options),
  argmin: (options) => nn.argmin(x, options),
  attention: (options) => nn.attention(images, images, images, options),
  avgPool1d: (options) => nn.avgPool1d(x, options),
  avgPool2d: (options) => nn.avgPool2d(images, options),
  batchedMatmul: (options) => nn.batchedMatmul(x, x, options),
  bceWithLogits: (options) => nn.bceWithLogits(x, x, options),
  clamp: (options) => nn.clamp(x, options),
  concat: (options) => nn.concat([x], options),
  conv1d: (options) => nn.conv1d(x, x, options),
  conv2d: (options) => nn.conv2d(images, images, options),
  convTranspose1d: (options) => nn.convTranspose1d(x, x, options),
  convTranspose2d: (options) => nn.convTranspose2d(images, images, options),
  crossEntropy: (options) => nn.crossEntropy(x, targets, options),
  cumsum: (options) => nn.cumsum(x, options),
  dropout: (options) => nn.dropout(x, options),
  embedding: (options) => nn.embedding(x, indices, options),
  gather: (options) => nn.gather(x, indices, options),
  groupedLinear: (options) => nn.groupedLinear(x, x, options),
  layerNorm: (options) => nn.layerNorm(x, options),
  leakyRelu: (options) => nn.leakyRelu(x, options),
  logSoftmax: (options) => nn.logSoftmax(x, options),
  logSumExp: (options) => nn.logSumExp(x, options),
  max: (options) => nn.max(x, options),
  maxPool1d: (options) => nn.maxPool1d(x, options),
  maxPool2d: (options) => nn.maxPool2d(images, options),
  mean: (options) => nn.mean(x, options),
  min: (options) => nn.min(x, options),
  mseLoss: (options) => nn.mseLoss(x, x, options),
  nllLoss: (options) => nn.nllLoss(x, targets, options),
  normalizeSums: (options) => nn.normalizeSums(x, options),
  oneHot: (options) => nn.oneHot(indices, options),
  pad: (options) => nn.pad(x, options),
  rmsNorm: (options) => nn.rmsNorm(x, options),
  rotary: (options) => nn.rotary(images, options),
  RotaryAngles: (options) => new nn.RotaryAngles(device, options),
  scatterAdd: (options) => nn.scatterAdd(x, indices, x, options),
  slice: (options) => nn.slice(x, options),
  smoothL1: (options) => nn.smoothL1(x, x, options),
  sort: (options) => nn.sort(x, options),
  split: (options) => nn.split(x, options),
  stack: (options) => nn.stack([x], options),
  sum: (options) => nn.sum(x, options),
  "Tensor.from": (options) => nn.Tensor.from(device, [1], options),
  "Tensor.fromBytes": (options) => nn.Tensor.fromBytes(device, new Uint8Array(4), options),
  topK: (options) => nn.topK(x, options),
  tril: (options) => nn.tril(x, options),
  triu: (options) => nn.triu(x, options),
  BatchNorm: (options) => new nn.BatchNorm(device, options),
  Conv1d: (options) => new nn.Conv1d(device, options),
  Conv2d: (options) => new nn.Conv2d(device, options),
  ConvTranspose2d: (options) => new nn.ConvTranspose2d(device, options),
  Dropout: (options) => new nn.Dropout(options),
  Embedding: (options) => new nn.Embedding(device, options),
  GroupNorm: (options) => new nn.GroupNorm(device, options),
  Parameter: (options) => new nn.Parameter(device, [1], options),
  "Linear1DCol.create": (options) => nn.Linear1DCol.create(device, options),
  "Linear1DCol.fromNativeModule": (options) => nn.Linear1DCol.fromNativeModule(layer, options),
  "Linear1DRow.create": (options) => nn.Linear1DRow.create(device, options),
  "Linear1DRow.fromNativeModule": (options) => nn.Linear1DRow.fromNativeModule(layer, options),
  "VocabParallelEmbedding.fromNativeModule": (options) =>
    nn.VocabParallelEmbedding.fromNativeModule(table, options),
  "VocabParallelHead.fromNativeModule": (options) =>
    nn.VocabParallelHead.fromNativeModule(layer, options),
  vocabParallelCrossEntropy: (options) => nn.vocabParallelCrossEntropy(x, targets, options),
  LayerNorm: (options) => new nn.LayerNorm(device, options),
  Linear: (options) => new nn.Linear(device, options),
  RmsNorm: (options) => new nn.RmsNorm(device, options),
};

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(`${name} refuses an unknown option by its name`, async () => {
    const unknown = { unknownOption: 1 } as never;
    const wanted = new RegExp(
      `^TypeError: ${name.replace(".", "\\.")}(\\(\\))? has no option "unknownOption": it has \\w+`,
    );
    await assert.rejects(async () => await call(unknown), wanted);
  });
}

Deno.test("the calls above are of every op that has a type of options", async () => {
  const folder = new URL("../../src/ops/", import.meta.url);
  const exported = new Set(Object.keys(nn));
  const withOptions: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(new URL(name, folder));
    for (const declaration of text.split(/^export (?:async )?function /m).slice(1)) {
      const [op] = declaration.match(/^\w+/)!;
      const parameters = declaration.slice(0, declaration.search(/\): [^\n]*\{\n/));
      if (!exported.has(op)) continue;
      assert.doesNotMatch(parameters, /\}: /, `${op}() takes options apart before it checks them`);
      if (/\b(options|range)\b/.test(parameters)) withOptions.push(op);
    }
  }
  assert.ok(withOptions.length > 40);
  assert.deepEqual(withOptions.filter((op) => !(op in CALLS)), []);
});

Deno.test("what is no object of options is refused as such", () => {
  const wrong = (options: unknown) => options as never;
  assert.throws(() => nn.sum(x, wrong(1)), /sum\(\) wants an object of options, .* got a number$/);
  assert.throws(() => nn.sum(x, wrong(null)), /got null$/);
  assert.throws(() => nn.sum(x, wrong([1])), /got an array$/);
  assert.throws(() => nn.sum(x, wrong(x)), /no option "device" \(got an object of class Tensor\)/);
  assert.throws(() => new nn.Linear(device, wrong(undefined)), /Linear wants an object of options/);
});
