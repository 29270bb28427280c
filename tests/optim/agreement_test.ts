// Ranks of one training that were given other options, parameters or values find it out before the first step, on all ranks, with
// the name of what differs, the ranks, and what each of them has; nothing is changed.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../src/distributed/group.ts";
import { Layout } from "../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { sum } from "../../src/ops/sum.ts";
import { mul } from "../../src/ops/mul.ts";
import { DistributedAdaFactor } from "../../src/optim/distributed_adafactor.ts";
import { DistributedAdamW } from "../../src/optim/distributed_adamw.ts";
import type { adamwKinds } from "../../src/optim/options/adamw_options.ts";
import type { adafactorKinds } from "../../src/optim/options/hyperparameters.ts";
import type { OptimizerOptions } from "../../src/optim/options/parameter_groups.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { linearSchedule } from "../../src/optim/options/schedule.ts";
import type { DistributedSetup } from "../../src/optim/zero/distributed_setup.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import type { DistributedOptimizer } from "../support/optim/distributed_optimizer.ts";

interface Described {
  readonly name: string;
  readonly shape: readonly number[];
  /** The dim that tensor parallelism splits. */
  readonly cut?: number;
  readonly dtype?: FloatType;
  readonly gradientDtype?: FloatType;
  /** An element to be changed. */
  readonly changed?: number;
}

/** What one rank was given. */
interface Given {
  readonly options?: object;
  readonly optimizer?: "Adafactor" | "AdamW";
  readonly parameters?: readonly Described[];
  /** Options of the first parameter. */
  readonly ofFirst?: OptimizerOptions;
  readonly setup?: Omit<DistributedSetup, "tensorParallelGroup" | "dataParallelGroup">;
  /** Steps of the state to be loaded. */
  readonly loadedSteps?: number | undefined;
}

const PARAMETERS: readonly Described[] = [
  { name: "embedding", shape: [8, 6], cut: 0 },
  { name: "weight", shape: [6, 6] },
  { name: "bias", shape: [6] },
];

/** The errors of all ranks of a mesh of tensor 2 x data 2 where `odd` ranks were given something else; undefined for none. */
async function errorsOf(
  usual: Given,
  other: Given,
  odd: readonly number[],
): Promise<(Error | undefined)[]> {
  return await inProcessRanks(4, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 2);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    const dataParallelGroup = await mesh.getGroupAlongAxis(1);
    const given = odd.includes(world.rank) ? { ...usual, ...other } : usual;
    const { options = { lr: 0.1 }, ofFirst, optimizer = "Adafactor", setup } = given;
    using device = wasmDevice();
    using scope = new DisposableStack();
    const parameters = (given.parameters ?? PARAMETERS).map((described) => {
      const { name, shape, cut, changed, ...types } = described;
      const splits = cut === undefined ? [] : [{ dim: cut, group: tensorParallelGroup }];
      const layout = new Layout<ProcessGroup>(shape, splits);
      const length = layout.localShape.reduce((product, each) => product * each, 1);
      const at = cut === undefined ? 0 : tensorParallelGroup.rank;
      const values = Float32Array.from({ length }, (_, k) => Math.sin(k + at + name.length));
      if (changed !== undefined) values[changed] += 1e-6;
      return scope.use(new Parameter(device, values, { layout, name, ...types }));
    });
    const groups = ofFirst === undefined
      ? parameters
      : [{ parameters: [parameters[0]], ...ofFirst }, ...parameters.slice(1)];
    const make = optimizer === "Adafactor" ? DistributedAdaFactor : DistributedAdamW;
    const optim = scope.use(
      new make(groups as Parameter[], options),
    ) as unknown as DistributedOptimizer;
    optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, ...setup });
    const { loadedSteps } = given;
    if (loadedSteps !== undefined) {
      const saved = await stateAfter(loadedSteps);
      optim.loadStateDict(saved as unknown as Parameters<typeof optim.loadStateDict>[0]);
    }
    const before = await Promise.all(parameters.map((parameter) => parameter.data()));
    const train = async () => {
      using loss = parameters.map((parameter) => sum(mul(parameter, parameter)))
        .reduce((a, b) => sum(mul(a, b)));
      await optim.backward(loss);
      await optim.step();
    };
    const error = await train().then(() => undefined, (reason: unknown) => reason);
    assert.ok(error === undefined || error instanceof Error);
    if (error !== undefined) {
      const after = await Promise.all(parameters.map((parameter) => parameter.data()));
      for (const [k, values] of before.entries()) assertSameBits(after[k], values);
      // It is not only the first call that fails.
      await assert.rejects(optim.step(), { message: error.message });
    }
    optim.zeroGrad();
    return error;
  });
}

/** The state of the parameters after some steps on one rank. */
async function stateAfter(steps: number): Promise<unknown> {
  using device = wasmDevice();
  using scope = new DisposableStack();
  const parameters = PARAMETERS.map(({ name, shape }) => {
    const length = shape.reduce((product, each) => product * each, 1);
    return scope.use(new Parameter(device, new Float32Array(length).fill(1), { shape, name }));
  });
  const optim = scope.use(new DistributedAdaFactor(parameters, { lr: 0.1 }));
  optim.setupDistributed({});
  for (let step = 0; step < steps; step++) {
    for (const parameter of parameters) {
      const { shape, length } = parameter;
      parameter.grad = Tensor.from(device, new Float32Array(length).fill(1 + step), { shape });
    }
    await optim.step();
  }
  const state = await optim.stateDict();
  optim.zeroGrad();
  return state;
}

/** Asserts that all ranks refuse what one or two of them were given, with `expected` in the message. */
async function assertRefused(
  usual: Given,
  other: Given,
  expected: (ranks: { readonly odd: string; readonly rest: string }) => string | RegExp,
): Promise<void> {
  const cases = [
    { ranks: [3], odd: "on rank 3", rest: "on ranks 0, 1 and 2" },
    { ranks: [0, 2], odd: "on ranks 0 and 2", rest: "on ranks 1 and 3" },
  ];
  for (const { ranks, odd, rest } of cases) {
    const errors = await errorsOf(usual, other, ranks);
    for (const [rank, error] of errors.entries()) {
      assert.equal(error?.name, "TypeError", `rank ${rank} has ${error}`);
      assert.match(error!.message, /^Cannot step as ranks differ: .*Give all ranks the same/);
      const wanted = expected({ odd, rest });
      if (typeof wanted === "string") assert.ok(error!.message.includes(wanted), error!.message);
      else assert.match(error!.message, wanted);
      assert.equal(error!.message, errors[0]!.message);
    }
  }
}

/** The usual and the other value of an option, and options that must be beside both. */
type Values = readonly [usual: unknown, other: unknown, beside?: object];

const momentum = { lr: 0.1, beta1: 0.9 };
const adafactorValues: Readonly<Record<keyof typeof adafactorKinds, Values>> = {
  lr: [0.1, 0.2],
  algorithm: ["adafactor", "came", { ...presets.came, lr: 0.1 }],
  eps: [[1e-30, 1e-3], [1e-30, 1e-2]],
  epsMode: ["inside", "clamp"],
  clipThreshold: [1, "none"],
  decayRate: [-0.8, -0.7],
  decayOffset: [0, 3],
  beta2Cap: [1, 0.999],
  beta2: [() => 0.99, () => 0.98],
  beta3: [0.99, 0.999, { ...presets.came, lr: 0.1 }],
  beta1: [0.9, 0.8],
  momentumOf: ["step", "update", momentum],
  momentumDtype: ["f32", "bf16", momentum],
  weightDecay: [0.01, 0.1],
  weightDecayBy: ["lr", { lrPower: 2 }, { lr: 0.1, weightDecay: 0.1 }],
  scaleParameter: [true, false],
  scaleCeiling: [1, 2],
  relativeStep: [false, "capped", { lr: 0.1 }],
  warmupInit: [false, true, { lr: undefined }],
  cautious: [false, true, momentum],
  maximize: [false, true],
  factoring: ["lastTwo", "none"],
  perMatrix: [false, true],
  masterWeights: [false, true],
  rounding: ["nearest", "stochastic"],
  seed: [0, 1],
  missingGradients: ["error", "skip"],
};
const adamwValues: Readonly<Record<keyof typeof adamwKinds, Values>> = {
  lr: [0.1, 0.2],
  betas: [[0.9, 0.999], [0.9, 0.99]],
  eps: [1e-8, 1e-7],
  weightDecay: [0.01, 0.1],
  maximize: [false, true],
  momentumDtype: ["f32", "bf16"],
  masterWeights: [false, true],
  rounding: ["nearest", "stochastic"],
  seed: [0, 1],
  missingGradients: ["error", "skip"],
};
const wholeValues: Readonly<Record<string, Values>> = {
  maxGradientNorm: [1, 2],
  nonFinite: ["error", "skip"],
  lossScale: [1, 2],
};

for (
  const [optimizer, values] of [
    ["Adafactor", { ...adafactorValues, ...wholeValues }],
    ["AdamW", { ...adamwValues, ...wholeValues }],
  ] as const
) {
  for (const [name, [usual, other, beside = { lr: 0.1 }]] of Object.entries(values)) {
    Deno.test(`${optimizer}: another ${name} on some ranks is refused on all, with both values`, async () => {
      await assertRefused(
        { optimizer, options: { ...beside, [name]: usual } },
        { options: { ...beside, [name]: other } },
        ({ odd, rest }) => {
          if (typeof usual !== "function") {
            return new RegExp(
              `${name} is [^;]* ${odd}[^;]* ${rest}|${name} is [^;]* ${rest}[^;]* ${odd}`,
            );
          }
          return /beta2\(1\) is 0\.9[89] on .* and 0\.9[89] on .*; beta2\(2\)/;
        },
      );
    });
  }
}

Deno.test("the values of a number, a list, an object and a string are in the message", async () => {
  const refused = (
    usual: object,
    other: object,
    text: (of: { odd: string; rest: string }) => string,
  ) => assertRefused({ options: { lr: 0.1, ...usual } }, { options: { lr: 0.1, ...other } }, text);
  await refused(
    { lr: 1e-3 },
    { lr: 1.1e-3 },
    ({ odd, rest }) =>
      odd === "on rank 3"
        ? `lr is 0.001 ${rest} and 0.0011 ${odd}`
        : `lr is 0.0011 ${odd} and 0.001 ${rest}`,
  );
  await refused(
    {},
    { weightDecay: 0.1 },
    ({ odd }) => `weightDecay is ${odd === "on rank 3" ? "not there" : "0.1"}`,
  );
  await refused({}, { weightDecayBy: { lrPower: 2 } }, ({ odd }) => `{ lrPower: 2 } ${odd}`);
  await refused({ eps: [1e-30, 1e-3] }, { eps: [0, 1e-3] }, ({ odd }) => `[0, 0.001] ${odd}`);
  await refused({ lossScale: 1 }, { lossScale: "dynamic" }, ({ odd }) => `dynamic ${odd}`);
});

Deno.test("schedules that differ at any step are refused, and equal ones are not", async () => {
  const cosine = (steps: number) => ({ lr: linearSchedule(0.1, { steps, warmup: 10 }) });
  assert.deepEqual(await errorsOf({ options: cosine(90) }, { options: cosine(90) }, [1]), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  await assertRefused(
    { options: cosine(90) },
    { options: cosine(91) },
    () => /lr\(20\) is [0-9.]+ on ranks? .* and [0-9.]+ on/,
  );
  await assertRefused(
    { options: { lr: 0.1 } },
    { options: cosine(90) },
    ({ odd }) => `a function ${odd}`,
  );
});

Deno.test("parameters in another order, of another name, shape, type or number are refused", async () => {
  const [embedding, weight, bias] = PARAMETERS;
  const refused = (parameters: readonly Described[], text: RegExp | string) =>
    assertRefused({}, { parameters }, () => text);
  await refused(
    [embedding, bias, weight],
    /parameter 1 is .*bias \[6\].*; parameter 2 is .*weight \[6,6\]/,
  );
  await refused([embedding, { ...weight, name: "kernel" }, bias], /kernel \[6,6\]/);
  await refused([embedding, { ...weight, shape: [6, 4] }, bias], /weight \[6,4\]/);
  await refused([embedding, weight], /the number of parameters is .*2 on/);
  await refused([embedding, { ...weight, dtype: "bf16" }, bias], /of bf16/);
  await refused([embedding, { ...weight, gradientDtype: "f16" }, bias], /gradient f16/);
  await refused([{ ...embedding, cut: 1 }, weight, bias], /dim 1 split over 2 ranks/);
  await refused(
    [{ name: "embedding", shape: [8, 6] }, weight, bias],
    /parameter 0 is embedding \[8,6\] of f32, gradient alike(, dim 0 split over 2 ranks)?,/,
  );
});

Deno.test("options of a group, and which parameters are in it, are compared", async () => {
  await assertRefused(
    { ofFirst: { weightDecay: 0.1 } },
    { ofFirst: { weightDecay: 0.2 } },
    ({ odd }) => new RegExp(`weightDecay of embedding is .*0.2 ${odd}`),
  );
  await assertRefused({ ofFirst: { weightDecay: 0.1 } }, { ofFirst: {} }, () => "embedding");
});

Deno.test("one other bit of a replicated weight or of a shard is refused, and found on the ranks that share it", async () => {
  const [embedding, weight, bias] = PARAMETERS;
  await assertRefused(
    {},
    { parameters: [embedding, { ...weight, changed: 35 }, bias] },
    ({ odd, rest }) =>
      odd === "on rank 3"
        ? new RegExp(`the digest of weight is #[0-9a-f]{16} ${rest} and #[0-9a-f]{16} ${odd}`)
        : new RegExp(`the digest of weight is #[0-9a-f]{16} ${odd} and #[0-9a-f]{16} ${rest}`),
  );
  // The second half of the embedding is on ranks 2 and 3.
  const errors = await errorsOf({}, { parameters: [{ ...embedding, changed: 0 }, weight, bias] }, [
    3,
  ]);
  for (const error of errors) {
    assert.match(
      error!.message,
      /differ: the digest of embedding is #[0-9a-f]{16} on rank 2 and #[0-9a-f]{16} on rank 3\. /,
    );
  }
  const off = { setup: { compareWeights: false } };
  assert.deepEqual(
    await errorsOf(off, { parameters: [embedding, { ...weight, changed: 35 }, bias] }, [3]),
    [undefined, undefined, undefined, undefined],
  );
});

Deno.test("another update rule, ZeRO stage or bucket size is refused", async () => {
  await assertRefused({}, { optimizer: "AdamW" }, ({ odd }) => `AdamW ${odd}`);
  for (const [usual, other] of [[1, 0], [1, 2], [2, 0], [0, 1]] as const) {
    await assertRefused(
      { setup: { zeroStage: usual } },
      { setup: { zeroStage: other } },
      ({ odd }) => new RegExp(`zeroStage is .*${other} ${odd}`),
    );
  }
  await assertRefused(
    { setup: { zeroStage: 2 } },
    { setup: { zeroStage: 2, bucketBytes: 64 } },
    ({ odd }) => new RegExp(`bucketBytes is .*64 ${odd}`),
  );
});

Deno.test("a state of another step, or that only some ranks have loaded, is refused", async () => {
  await assertRefused(
    { loadedSteps: 2 },
    { loadedSteps: 3 },
    ({ odd }) => new RegExp(`the state of embedding is .*of step 3, digest #[0-9a-f]{16} ${odd}`),
  );
  await assertRefused(
    { loadedSteps: 2 },
    { loadedSteps: undefined },
    ({ odd }) => new RegExp(`the state of embedding is .*not there ${odd}`),
  );
  assert.deepEqual(await errorsOf({ loadedSteps: 2 }, {}, []), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("what is called when updates are lost may differ, as it has no part in the training", async () => {
  const given = { options: { lr: 0.1, onLostUpdates: () => {} } };
  assert.deepEqual(await errorsOf({}, given, [0]), [undefined, undefined, undefined, undefined]);
});

for (const optimizer of ["Adafactor", "AdamW"] as const) {
  for (const zeroStage of [0, 1, 2] as const) {
    Deno.test(`${optimizer}, ZeRO stage ${zeroStage}: a rank whose rate or divisor changes later than the first step ends the job, with both`, async () => {
      const train = async (how: "rate" | "divisor" | "neither") =>
        await inProcessRanks(2, async ({ group, rank }) => {
          using device = wasmDevice();
          using parameter = new Parameter(device, new Float32Array(32).fill(1), {
            shape: [8, 4],
            name: "weight",
          });
          let rate = 0.1;
          const make = optimizer === "Adafactor" ? DistributedAdaFactor : DistributedAdamW;
          using optim = new make([parameter], { lr: () => rate });
          optim.setupDistributed({ dataParallelGroup: group, zeroStage });
          for (let step = 1; step <= 3; step++) {
            using loss = sum(mul(parameter, parameter));
            await optim.backward(loss);
            const isAstray = rank === 1 && step === 3;
            if (isAstray && how === "rate") rate = 0.05;
            const gradientDivisor = isAstray && how === "divisor" ? 4 : 1;
            const before = await parameter.data();
            const error = await optim.step({ gradientDivisor }).then(() => "", (error) => error);
            optim.zeroGrad();
            if (error === "") continue;
            assertSameBits(await parameter.data(), before);
            return `${step} ${error}`;
          }
          return "";
        });
      assert.deepEqual(await train("neither"), ["", ""]);
      for (const error of await train("rate")) {
        assert.match(error, /^3 PeerLostError: .*label "step 3 lr 0.(1|05) .*"step 3 lr 0.(1|05) /);
      }
      for (const error of await train("divisor")) {
        assert.match(
          error,
          /^3 PeerLostError: .*label "step 3 lr 0.1 \/[14] .*"step 3 lr 0.1 \/[14] /,
        );
      }
    });
  }
}

Deno.test("agreement costs one all-gather per group before the first step, and none later", async () => {
  await inProcessRanks(4, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 2);
    const groups = [await mesh.getGroupAlongAxis(0), await mesh.getGroupAlongAxis(1)];
    using device = wasmDevice();
    const layout = new Layout<ProcessGroup>([8, 6], [{ dim: 1, group: groups[0] }]);
    using parameter = new Parameter(device, new Float32Array(24).fill(1), { layout });
    using optim = new DistributedAdaFactor([parameter]);
    optim.setupDistributed({ tensorParallelGroup: groups[0], dataParallelGroup: groups[1] });
    const counts: number[] = [];
    for (let step = 0; step < 3; step++) {
      const before = groups.map(({ counters }) => counters.collectives);
      parameter.grad = Tensor.from(device, new Float32Array(24).fill(0.5), { shape: [8, 3] });
      await optim.step();
      counts.push(
        groups.reduce((total, { counters }, k) => total + counters.collectives - before[k], 0),
      );
      assert.equal(optim.lastStep.collectives, 6);
    }
    parameter.zeroGrad();
    assert.deepEqual(counts, [8, 6, 6]);
  });
});
