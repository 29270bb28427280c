// Digits told apart by a convolutional network, a class of its own: what a module finds in its fields is trained and saved.
//
//   deno run -P=train examples/digits_cnn.ts [--save digits.safetensors]

import { parseArgs } from "node:util";
import { Adafactor, BatchNorm, crossEntropy, Linear, Module } from "@meshfactor/adafactor";
import { type Device, manualSeed, noGrad, RandomSource, relu } from "@meshfactor/adafactor";
import { requestDevice, saveModule, type Tensor, training } from "@meshfactor/adafactor";
import { Conv2d, maxPool2d, reshape } from "@meshfactor/adafactor/nn";
import { accuracy, drawDigits } from "./digits_data.ts";

const { values: flags } = parseArgs({ options: { save: { type: "string" } } });

class ConvolutionalNetwork extends Module {
  readonly first: Conv2d;
  readonly norm: BatchNorm;
  readonly second: Conv2d;
  readonly head: Linear;

  constructor(device: Device) {
    super();
    this.first = new Conv2d(device, { inChannels: 1, outChannels: 16, kernelSize: 3, padding: 1 });
    this.norm = new BatchNorm(device, { features: 16 });
    this.second = new Conv2d(device, { inChannels: 16, outChannels: 32, kernelSize: 3 });
    this.head = new Linear(device, { inFeatures: 32 * 3 * 3, outFeatures: 10 });
  }

  /** Images [B, 1, 8, 8] -> logits [B, 10]. */
  override async forward(images: Tensor): Promise<Tensor> {
    const edges = relu(await this.norm.forward(await this.first.forward(images)));
    const strokes = relu(await this.second.forward(edges)); // [B, 32, 6, 6]
    const pooled = maxPool2d(strokes, { size: 2 }); // [B, 32, 3, 3]
    return await this.head.forward(reshape(pooled, [images.shape[0], 32 * 3 * 3]));
  }
}

manualSeed(1);
using device = await requestDevice(); // a GPU if there is one, else the CPU
using model = new ConvolutionalNetwork(device);
using optim = new Adafactor(model.parameters(), { lr: 0.03 });

const random = new RandomSource(2);
for (let step = 1; step <= 200; step++) {
  using digits = drawDigits(device, 64, random);
  using loss = await training(
    { seed: 3, step },
    async () => crossEntropy(await model.forward(digits.images), digits.labels),
  );
  if (step % 40 === 0) console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
}

using others = drawDigits(device, 1000, new RandomSource(4));
using logits = await noGrad(() => model.forward(others.images));
const right = await accuracy(logits, others.labels);
console.log(`accuracy on 1000 other digits: ${(100 * right).toFixed(1)} %`);
if (flags.save !== undefined) await saveModule(model, flags.save);
