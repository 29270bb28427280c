import { GridPositions } from "../../../src/models/positions/grid_positions.ts";
import { LayerMaker } from "../../../src/nn/layer_maker.ts";
import { attention } from "../../../src/ops/attention.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { assertWithin, differences, randomValues } from "../../support/ops/gradient_check.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";

const [batch, rows, columns, heads, width] = [2, 3, 2, 2, 4];
const length = rows * columns;
const scale = 0.6;

/** Attention with biases, of q, k, v [batch, length, heads, width] and both tables. */
function reference(values: readonly (readonly number[])[]): number[] {
  const [q, k, v, ofRows, ofColumns] = values;
  const at = (b: number, t: number, h: number) => ((b * length + t) * heads + h) * width;
  const dot = (a: readonly number[], from: number, c: readonly number[], to: number) =>
    Array.from({ length: width }, (_, f) => a[from + f] * c[to + f]).reduce((x, y) => x + y);
  const y = new Array<number>(q.length).fill(0);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < length; t++) {
        const [i, j] = [Math.floor(t / columns), t % columns];
        const weights = Array.from({ length }, (_, s) => {
          const [row, column] = [Math.floor(s / columns), s % columns];
          const query = at(b, t, h);
          return Math.exp(
            scale * dot(q, query, k, at(b, s, h)) +
              dot(q, query, ofRows, (i - row + rows - 1) * width) +
              dot(q, query, ofColumns, (j - column + columns - 1) * width),
          );
        });
        const total = weights.reduce((x, y) => x + y);
        for (let f = 0; f < width; f++) {
          for (let s = 0; s < length; s++) {
            y[at(b, t, h) + f] += weights[s] / total * v[at(b, s, h) + f];
          }
        }
      }
    }
  }
  return y;
}

testOnEachDevice(
  "GridPositions gives attention the biases of rows and columns between query and key, and the tables their gradients",
  async (device) => {
    const random = new RandomSource(3);
    const shape = [batch, length, heads, width];
    const shapes = [shape, shape, shape, [2 * rows - 1, width], [2 * columns - 1, width]];
    const values = shapes.map((each) => randomValues(each.reduce((a, b) => a * b), random));
    const [q, k, v] = values.slice(0, 3).map((each) =>
      Tensor.from(device, each, { shape, requiresGrad: true })
    );
    using tables = new GridPositions(
      new LayerMaker({
        device,
        parameter: (name, { shape }) =>
          new Parameter(device, values[name === "rows" ? 3 : 4], { shape }),
      }),
      { rows, columns, headWidth: width, scale },
    );
    const y = attention(await tables.forward(q), tables.withPlaces(k), v, {
      visible: "all",
      scale,
    });
    assertWithin(await y.data(), reference(values), { tolerance: 2e-6, what: "y" });
    const weights = randomValues(y.length, random);
    using w = Tensor.from(device, weights, { shape });
    using loss = sum(mul(y, w));
    await loss.backward();
    const lossOf = (changed: number[][]) =>
      reference(changed).reduce((total, value, i) => total + value * weights[i], 0);
    for (const [i, each] of [q, k, v, tables.rows, tables.columns].entries()) {
      const expected = differences(lossOf, values, i);
      assertWithin(await each.grad!.data(), expected, { tolerance: 4e-6, what: `gradient ${i}` });
      each[Symbol.dispose]();
    }
  },
);
