// Given the same gradients, a mesh whose axes are powers of two and whose shards are even gives the very bits of one rank:
// all sums are added up in the order of one tree over the whole parameter (src/device/block_table.ts).

import assert from "node:assert/strict";
import type { OptimizerOptions } from "../../src/optim/options/parameter_groups.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { webgpuTest } from "../support/device/webgpu_adapter.ts";
import { type BreakView, withBrokenViews } from "../support/optim/broken_views.ts";
import { EVEN_SHAPES, evenPlacements, numDiffering } from "../support/optim/same_bits_training.ts";

const OPTIONS: OptimizerOptions = { weightDecay: 0.01, beta1: 0.9, maxGradientNorm: 0.05 };
const MESHES = [[2, 1], [1, 2], [2, 2], [4, 1], [1, 4], [4, 2], [2, 4], [1, 8], [8, 1]];

for (const [tensor, zero] of MESHES) {
  Deno.test(`tensor ${tensor} x ZeRO ${zero} gives the bits of one rank`, async () => {
    const placed = evenPlacements(tensor, EVEN_SHAPES);
    assert.equal(await numDiffering({ tensor, zero, placed, options: OPTIONS }), 0);
  });
}

for (const [tensor, zero] of [[2, 1], [1, 2], [2, 2]]) {
  webgpuTest(`tensor ${tensor} x ZeRO ${zero} gives the bits of one rank (webgpu)`, async () => {
    const placed = evenPlacements(tensor, [[64, 48], [8, 16, 24], [192]]);
    const run = { tensor, zero, placed, options: OPTIONS, kind: "webgpu", steps: 5 } as const;
    assert.equal(await numDiffering(run), 0);
  });
}

const OTHERS: Readonly<Record<string, OptimizerOptions>> = {
  "no momentum": { scaleParameter: false, lr: 0.01 },
  caution: { cautious: true, beta1: 0.9, maximize: true },
  "torch's options": { ...presets.torch, weightDecay: 0.1 },
  CAME: { ...presets.came, lr: 0.003, weightDecay: 0.1 },
  "each matrix by itself": { ...OPTIONS, perMatrix: true, clipThreshold: 0.5 },
  "no factoring": { factoring: "none", maxGradientNorm: 0.1 },
};

for (const [name, options] of Object.entries(OTHERS)) {
  Deno.test(`tensor 2 x ZeRO 2 gives the bits of one rank with ${name}`, async () => {
    // Unfactored, all dims are columns: then a cut of an inner dim takes no run of them.
    const placed = evenPlacements(2, EVEN_SHAPES).filter(({ cut }) =>
      options.factoring !== "none" || cut === undefined || cut === 0
    );
    assert.equal(await numDiffering({ tensor: 2, zero: 2, placed, options }), 0);
  });
}

const STORED: Readonly<Record<string, OptimizerOptions>> = {
  "rounding to the nearest": OPTIONS,
  "rounding at random": { ...OPTIONS, rounding: "stochastic", seed: 7 },
  "master weights": { ...OPTIONS, masterWeights: true, momentumDtype: "f32" },
  "no momentum": { lr: 0.01 },
};
/** f32, f16 and bf16 in one optimizer. */
const typeOf = (index: number) => (["bf16", "f16", "f32"] as const)[index % 3];

for (const [name, options] of Object.entries(STORED)) {
  for (const [tensor, zero] of [[2, 2], [8, 1], [1, 4]]) {
    Deno.test(`16-bit parameters on tensor ${tensor} x ZeRO ${zero} have the bits of one rank with ${name}`, async () => {
      // Rows of 16-bit elements must keep to whole words, on each rank too.
      const placed = evenPlacements(tensor, [...EVEN_SHAPES.slice(0, -1), [64, 24]]).filter(
        ({ shape, cut }) => cut !== shape.length - 1 || shape[cut] / tensor % 2 === 0,
      );
      const run = { tensor, zero, placed, typeOf };
      assert.equal(
        await numDiffering({ ...run, options: { momentumDtype: "bf16", ...options } }),
        0,
      );
    });
  }
  webgpuTest(
    `16-bit parameters on tensor 2 x ZeRO 2 have the bits of one rank with ${name} (webgpu)`,
    async () => {
      const placed = evenPlacements(2, [[64, 48], [8, 16, 24], [192]]);
      const run = { tensor: 2, zero: 2, placed, typeOf, steps: 5, kind: "webgpu" } as const;
      assert.equal(
        await numDiffering({ ...run, options: { momentumDtype: "bf16", ...options } }),
        0,
      );
    },
  );
}

Deno.test("tensor 2 x data-parallel 2 without ZeRO gives the bits of one rank", async () => {
  const placed = evenPlacements(2, EVEN_SHAPES);
  const run = { tensor: 2, zero: 2, useZero: false, placed, options: OPTIONS };
  assert.equal(await numDiffering(run), 0);
});

const MUTANTS: Readonly<Record<string, BreakView>> = {
  "row sums not added up": () => ({ rowSumGroups: [] }),
  "column sums not added up": () => ({ colSumGroups: [] }),
  "scalars not added up": () => ({ groups: [] }),
  "row sums added up over the wrong group": ({ colSumGroups }) => ({ rowSumGroups: colSumGroups }),
  "local columns counted": ({ cols }) => ({ globalCols: cols }),
  "local rows counted": ({ rows }) => ({ globalRows: rows }),
  "local elements counted": ({ batch, rows, cols }) => ({ globalCount: batch * rows * cols }),
};

for (const [name, change] of Object.entries(MUTANTS)) {
  Deno.test(`an optimizer with ${name} does not give the bits of one rank`, async () => {
    const Mutant = withBrokenViews(change);
    const placed = evenPlacements(2, [[64, 48]]);
    // With an eps1 that counts, as mean squares that are all too large by one factor would cancel.
    const options = { ...OPTIONS, eps: [1e-6, 1e-3] } as const;
    const run = { tensor: 2, zero: 2, placed, options, Optimizer: Mutant, steps: 6 };
    assert.ok(await numDiffering(run) > 0);
  });
}
