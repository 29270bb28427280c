import assert from "node:assert/strict";
import { countWindows, fromWindows, toWindows } from "../../../src/models/blocks/grid_windows.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { checkGradients } from "../../support/ops/gradient_check.ts";

const CASES = [
  { rows: 4, columns: 6, window: 2 },
  { rows: 5, columns: 4, window: 3 },
  { rows: 2, columns: 3, window: 7 },
  { rows: 3, columns: 1, window: 1 },
];
const [batch, width] = [2, 3];

for (const grid of CASES) {
  const { rows, columns, window } = grid;
  const [down, across] = [Math.ceil(rows / window), Math.ceil(columns / window)];
  /** The index in x of every element of the windows; undefined for padding. */
  const places = Array.from(
    { length: batch * down * across * window * window * width },
    (_, at) => {
      const [feature, j, i] = [
        at % width,
        Math.floor(at / width) % window,
        Math.floor(at / width / window) % window,
      ];
      const nth = Math.floor(at / width / window / window);
      const row = Math.floor(nth / across) % down * window + i;
      const column = nth % across * window + j;
      const b = Math.floor(nth / across / down);
      if (row >= rows || column >= columns) return undefined;
      return ((b * rows + row) * columns + column) * width + feature;
    },
  );

  testOnEachDevice(
    `toWindows() divides ${rows} x ${columns} tokens into windows of ${window} with zeros beside them, fromWindows() is its inverse`,
    async (device) => {
      assert.equal(countWindows(grid), down * across);
      await checkGradients(device, {
        shapes: [[batch, rows * columns, width]],
        op: (x) => toWindows(x, grid),
        reference: (x) => places.map((place) => place === undefined ? 0 : x[place]),
      });
      await checkGradients(device, {
        shapes: [[batch * down * across, window * window, width]],
        op: (x) => fromWindows(x, grid),
        reference: (x) => {
          const y = new Array<number>(batch * rows * columns * width);
          places.forEach((place, at) => place === undefined || (y[place] = x[at]));
          return y;
        },
      });
    },
  );
}
