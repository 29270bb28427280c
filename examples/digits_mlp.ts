// Digits told apart by a multi-layer perceptron: a model, a loss, an optimizer, a loop, and the accuracy on digits it never saw.
//
//   deno run -P=train examples/digits_mlp.ts

import { Adafactor, BatchNorm, crossEntropy, Dropout, Linear } from "@meshfactor/adafactor";
import { manualSeed, noGrad, RandomSource, relu, requestDevice } from "@meshfactor/adafactor";
import { Sequential, training } from "@meshfactor/adafactor";
import { reshape } from "@meshfactor/adafactor/nn";
import { accuracy, drawDigits } from "./digits_data.ts";

manualSeed(1);
using device = await requestDevice(); // a GPU if there is one, else the CPU
using model = new Sequential([
  (images) => reshape(images, [images.shape[0], 64]),
  new Linear(device, { inFeatures: 64, outFeatures: 128 }),
  new BatchNorm(device, { features: 128 }),
  relu,
  new Dropout({ probability: 0.1 }),
  new Linear(device, { inFeatures: 128, outFeatures: 10 }),
]);
using optim = new Adafactor(model.parameters(), { lr: 0.03 });

// Every step learns from digits of its own, so that none is learnt by heart.
const random = new RandomSource(2);
for (let step = 1; step <= 300; step++) {
  using digits = drawDigits(device, 64, random);
  // Within training(), dropout drops and batch normalization follows the batch.
  using loss = await training(
    { seed: 3, step },
    async () => crossEntropy(await model.forward(digits.images), digits.labels),
  );
  if (step % 50 === 0) console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
}

using others = drawDigits(device, 1000, new RandomSource(4));
using logits = await noGrad(() => model.forward(others.images));
const right = await accuracy(logits, others.labels);
console.log(`accuracy on 1000 other digits: ${(100 * right).toFixed(1)} %`);
