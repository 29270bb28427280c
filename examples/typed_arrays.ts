// Adafactor alone: it steps plain typed arrays by gradients that come from anywhere. The five numbered lines are all that it needs; the
// rest is linear least squares in loops.
//
//   deno run -P=train examples/typed_arrays.ts

import { Adafactor, linearSchedule, Parameter, requestDevice, Tensor } from "@meshfactor/adafactor";

const [examples, inputs, outputs] = [64, 8, 4];
const x = Float32Array.from({ length: examples * inputs }, (_, at) => Math.sin(at * at + 1));
const truth = Float32Array.from({ length: outputs * inputs }, (_, at) => Math.cos(3 * at));
const weights = new Float32Array(outputs * inputs);

using device = await requestDevice({ kind: "wasm" });
using parameter = new Parameter(device, weights, { shape: [outputs, inputs] }); // 1
const lr = linearSchedule(0.1, { steps: 200 });
using optim = new Adafactor([parameter], { lr, scaleParameter: false }); // 2
for (let step = 1; step <= 200; step++) {
  const { loss, gradient } = lossAndGradient();
  if (step % 40 === 0) console.log(`step ${step}: loss ${loss.toExponential(3)}`);
  parameter.grad = Tensor.from(device, gradient, { shape: parameter.shape }); // 3
  await optim.step(); // 4
  weights.set(await parameter.data()); // 5
}

/** Mean of the squared differences of weights x and truth x, and its gradient. */
function lossAndGradient(): { loss: number; gradient: Float32Array } {
  const gradient = new Float32Array(weights.length);
  let loss = 0;
  for (let example = 0; example < examples; example++) {
    const input = x.subarray(example * inputs, (example + 1) * inputs);
    for (let output = 0; output < outputs; output++) {
      const row = output * inputs;
      const error = input.reduce(
        (sum, value, at) => sum + value * (weights[row + at] - truth[row + at]),
        0,
      );
      loss += error ** 2 / (examples * outputs);
      input.forEach((value, at) => {
        gradient[row + at] += 2 * error * value / (examples * outputs);
      });
    }
  }
  return { loss, gradient };
}
