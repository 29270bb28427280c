// Training checkpoints of the library: N steps in one go have the same bits as k steps, a checkpoint, and N - k steps of new objects.

import assert from "node:assert/strict";
import { loadCheckpoint } from "../../src/checkpoint/load_checkpoint.ts";
import { beginCheckpoint, saveCheckpoint } from "../../src/checkpoint/training_checkpoint.ts";
import { wholeBytes } from "../../src/checkpoint/whole_bytes.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../src/distributed/group.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { causalLoss } from "../../src/models/losses/causal_loss.ts";
import { newModel } from "../../src/models/new_model.ts";
import { parallelize } from "../../src/models/parallelize.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { DistributedAdaFactor } from "../../src/optim/distributed_adafactor.ts";
import type { OptimizerOptions } from "../../src/optim/options/parameter_groups.ts";
import { presets } from "../../src/optim/options/presets.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import type { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallConfigs } from "../support/models/small_configs.ts";
import { namesIn, stepsIn, withFolder } from "../support/temporary_folder.ts";

interface Kind {
  readonly dtype?: FloatType;
  readonly optim: (parameters: Parameter[]) => Adafactor | AdamW;
}

const adafactor = (options: OptimizerOptions = {}) => (parameters: Parameter[]) =>
  new Adafactor(parameters, options);
/** The first step's gradients are not finite at this scale, and it grows on the way. */
const lossScale = { initialScale: 2 ** 120, backoffFactor: 2 ** -100, growthInterval: 3 };

const KINDS: Readonly<Record<string, Kind>> = {
  "f32 with the relative step": { optim: adafactor() },
  "f32 with momentum": { optim: adafactor({ lr: 0.05, beta1: 0.9 }) },
  "CAME": { optim: adafactor({ ...presets.came, lr: 0.02 }) },
  "AdamW": { optim: (parameters) => new AdamW(parameters, { lr: 0.02 }) },
  "bf16 with master weights": { dtype: "bf16", optim: adafactor({ masterWeights: true }) },
  "bf16 with stochastic rounding": {
    dtype: "bf16",
    optim: adafactor({ rounding: "stochastic", seed: 5 }),
  },
  "f16 with a dynamic loss scale": {
    dtype: "f16",
    optim: adafactor({ masterWeights: true, lossScale }),
  },
};

for (const [what, { dtype = "f32", optim: makeOptim }] of Object.entries(KINDS)) {
  testOnEachDevice(
    `a training of ${what} that goes on from a checkpoint has the same bits as in one go`,
    async (device) => {
      await withFolder(async (folder) => {
        const make = () => {
          const model = smallModel(dtype, device);
          return { model, optim: makeOptim(model.parameters()) };
        };
        const { model, optim } = make();
        using _model = model;
        using _optim = optim;
        for (let step = 1; step <= 4; step++) await takeStep({ model, optim }, step);
        await saveCheckpoint(folder, { model, optim: stateOf(optim), step: 4, extra: { at: [1] } });
        for (let step = 5; step <= 9; step++) await takeStep({ model, optim }, step);

        const other = make();
        using _otherModel = other.model;
        using _otherOptim = other.optim;
        const loaded = await loadCheckpoint(folder, {
          model: other.model,
          optim: stateOf(other.optim),
        });
        assert.deepEqual(loaded, { step: 4, extra: { at: [1] }, path: `${folder}/step-00000004` });
        for (let step = 5; step <= 9; step++) await takeStep(other, step);
        assertSameBits(await bitsOf(other.model), await bitsOf(model));
        assertSameBits(await other.optim.stateDict(), await optim.stateDict());
      });
    },
  );
}

Deno.test("a checkpoint has the buffers of a model, too", async () => {
  await withFolder(async (folder) => {
    using device = wasmDevice();
    const make = () =>
      newModel(device, smallConfigs.deepseek_v3, { random: new RandomSource(1), model: Decoder });
    const [buffer] = [...make().namedBuffers().keys()];
    assert.equal(buffer, "blocks.1.mlp.router.correctionBias");
    using model = make();
    const values = [0, 1, 0, 2, 0, 3, 0, -1];
    model.namedBuffers().get(buffer)!.write(values);
    using optim = new Adafactor(model.parameters(), { lr: 0.01 });
    await saveCheckpoint(folder, { model, optim: stateOf(optim), step: 1 });
    using other = make();
    using otherOptim = new Adafactor(other.parameters(), { lr: 0.01 });
    await loadCheckpoint(folder, { model: other, optim: stateOf(otherOptim) });
    const loaded = await other.namedBuffers().get(buffer)!.data();
    assert.deepEqual([...loaded], values);
  });
});

for (const [tensor, zero] of [[1, 1], [3, 1], [1, 3], [2, 2]] as const) {
  Deno.test(`a checkpoint of tensor 2 x ZeRO 2 goes on on tensor ${tensor} x ZeRO ${zero}`, async () => {
    await withFolder(async (folder) => {
      const steps = (from: number, to: number, mesh: readonly [number, number], body = noMore) =>
        inProcessRanks(mesh[0] * mesh[1], async (world) => {
          using model = smallModel("f32", wasmDevice());
          await parallelize(model, ProcessGroupMesh.over(world, ...mesh));
          using optim = await distributedOptim(model, ProcessGroupMesh.over(world, ...mesh));
          const group = world.group;
          if (from > 1) await loadCheckpoint(folder, { model, optim, group, onWarning: fail });
          const losses = new Float64Array(to);
          for (let step = from; step <= to; step++) {
            losses[step - 1] = await takeStep({ model, optim }, step);
          }
          await body({ model, optim, group });
          return { losses, weights: await wholeOf(model), state: await optim.stateDict() };
        });
      const [whole] = await steps(1, 6, [2, 2]);
      await steps(1, 3, [2, 2], async (training) => {
        await saveCheckpoint(folder, { ...training, step: 3 });
      });
      assert.deepEqual(await namesIn(`${folder}/step-00000003`), [
        "manifest.json",
        ...[0, 1, 2, 3].map((rank) => `rank-${rank}.safetensors`),
      ]);
      const [resumed] = await steps(4, 6, [tensor, zero]);
      const [losses, expected] = [resumed.losses.slice(3), whole.losses.slice(3)];
      assertClose(losses, expected, { relative: 1e-5 });
      if (tensor === 2) {
        assertSameBits(losses, expected);
        assertSameBits(resumed.weights, whole.weights);
        assertSameBits(resumed.state, whole.state);
      }
    });
  });
}

Deno.test("a damaged checkpoint is named, and the one before is taken, on all ranks", async (t) => {
  const damages: Record<string, [(path: string) => Promise<void>, RegExp]> = {
    "a flipped bit": [
      (path) => flipBit(`${path}/rank-1.safetensors`),
      /rank-1\.safetensors has another checksum/,
    ],
    "a file that is cut off": [
      (path) => Deno.truncate(`${path}/rank-0.safetensors`, 100),
      /rank-0\.safetensors has 100 bytes, and its manifest says \d+/,
    ],
    "a missing file": [
      (path) => Deno.remove(`${path}/rank-1.safetensors`),
      /rank-1\.safetensors is missing/,
    ],
    "a missing manifest": [(path) => Deno.remove(`${path}/manifest.json`), /has no manifest/],
    "a changed manifest": [
      (path) => flipBit(`${path}/manifest.json`),
      /manifest\.json has another checksum/,
    ],
  };
  for (const [what, [damage, message]] of Object.entries(damages)) {
    await t.step(what, async () => {
      await withFolder(async (folder) => {
        const warnings = await inProcessRanks(2, async ({ rank, group }) => {
          using model = smallModel("f32", wasmDevice());
          using optim = new Adafactor(model.parameters());
          await saveCheckpoint(folder, { model, optim, group, step: 2 });
          const before = await bitsOf(model);
          await takeStep({ model, optim }, 1);
          await saveCheckpoint(folder, { model, optim, group, step: 10 });
          if (rank === 0) await damage(`${folder}/step-00000010`);
          await group.barrier();
          const texts: string[] = [];
          const loaded = await loadCheckpoint(folder, {
            model,
            optim,
            group,
            onWarning: (text) => texts.push(text),
          });
          assert.equal(loaded?.step, 2);
          assertSameBits(await bitsOf(model), before);
          return texts;
        });
        assert.deepEqual(warnings[0], warnings[1]);
        assert.equal(warnings[0].length, 1);
        assert.match(warnings[0][0], /step-00000010 is damaged/);
        assert.match(warnings[0][0], message);
      });
    });
  }
});

Deno.test("loadCheckpoint() finds none in an empty or missing folder, and reports and removes an unfinished one", async () => {
  await withFolder(async (folder) => {
    using model = smallModel("f32", wasmDevice());
    using optim = new Adafactor(model.parameters());
    const before = await bitsOf(model);
    const load = async (path: string) => {
      const warnings: string[] = [];
      const onWarning = (text: string) => warnings.push(text);
      assert.equal(await loadCheckpoint(path, { model, optim, onWarning }), undefined);
      return warnings;
    };
    assert.deepEqual(await load(`${folder}/missing`), []);
    assert.deepEqual(await load(folder), []);
    await Deno.mkdir(`${folder}/.step-00000007.saving-killed`);
    await Deno.writeTextFile(`${folder}/.step-00000007.saving-killed/rank-0.safetensors`, "half");
    const [warning] = await load(folder);
    assert.match(warning, /The checkpoint step-00000007 in .* was not finished/);
    assert.deepEqual(await namesIn(folder), []);
    assertSameBits(await bitsOf(model), before);
  });
});

Deno.test("a checkpoint of another model is refused with a parameter's name, and changes nothing", async () => {
  await withFolder(async (folder) => {
    const device = wasmDevice();
    using model = smallModel("f32", device);
    using optim = new Adafactor(model.parameters());
    await saveCheckpoint(folder, { model, optim, step: 1 });
    const config = { ...smallConfigs.gpt2, n_layer: 1 };
    using other = newModel(device, config, { random: new RandomSource(3), model: Decoder });
    using otherOptim = new Adafactor(other.parameters());
    const before = await bitsOf(other);
    await assert.rejects(
      loadCheckpoint(folder, { model: other, optim: otherOptim }),
      /has a parameter .* and the model has none|has no parameter|in the checkpoint/,
    );
    assertSameBits(await bitsOf(other), before);
    using narrow = smallModel("bf16", device);
    using narrowOptim = new Adafactor(narrow.parameters());
    await assert.rejects(
      loadCheckpoint(folder, { model: narrow, optim: narrowOptim }),
      /and BF16 is \[.*\] and F32 in the checkpoint/,
    );
  });
});

Deno.test("checkpoints without a model, an optimizer, a folder or a step are refused, and a folder that is itself a checkpoint", async () => {
  await withFolder(async (folder) => {
    using device = wasmDevice();
    using model = smallModel("f32", device);
    using optim = new AdamW(model.parameters());
    const training = { model, optim: stateOf(optim) };
    await takeStep({ model, optim }, 1);
    const path = await saveCheckpoint(folder, { ...training, step: 1 });
    const before = await model.parameters()[0].data();
    const { stateDict: _, ...noOptimizer } = training.optim;
    const refused: [unknown, unknown, RegExp][] = [
      [undefined, training, /loadCheckpoint\(\) needs the path of a folder, got undefined/],
      [folder, null, /needs \{ model, optim \}, got null/],
      [folder, { optim: training.optim }, /needs the option model, a module, got undefined/],
      [folder, { ...training, model: {} }, /needs the option model, a module, got Object/],
      [folder, { model }, /needs the option optim, .* got undefined: use savePretrained\(\)/],
      [folder, { model, optim: noOptimizer }, /needs the option optim, .* got Object/],
      [path, training, /step-00000001 is itself a checkpoint: give the folder that it is in/],
    ];
    for (const [given, options, message] of refused) {
      await assert.rejects(loadCheckpoint(given as string, options as never), {
        name: "TypeError",
        message,
      });
    }
    for (const step of [-1, 1.5, NaN, Infinity, "1", undefined]) {
      await assert.rejects(saveCheckpoint(folder, { ...training, step: step as number }), {
        name: "RangeError",
        message: `A checkpoint needs the step, a whole number from 0, got ${step}`,
      });
    }
    await assert.rejects(saveCheckpoint(folder, { model, step: 2 } as never), {
      message: /^saveCheckpoint\(\) needs the option optim/,
    });
    assert.deepEqual(await stepsIn(folder), [1]);
    assertSameBits(await model.parameters()[0].data(), before);
  });
});

Deno.test("the latest checkpoints stay, and with losses the best one", async () => {
  await withFolder(async (folder) => {
    using model = smallModel("f32", wasmDevice());
    using optim = new Adafactor(model.parameters());
    const losses = [5, 3, 4, 4.5, 3.5];
    for (const [k, loss] of losses.entries()) {
      await saveCheckpoint(folder, { model, optim, step: 10 * (k + 1), keep: 2, loss });
    }
    assert.deepEqual(await stepsIn(folder), [20, 40, 50]);
    // One of the same step is replaced.
    await saveCheckpoint(folder, { model, optim, step: 50, keep: 1 });
    assert.deepEqual(await stepsIn(folder), [20, 50]);
  });
});

Deno.test("a checkpoint has what was there when it began, whatever training does meanwhile", async () => {
  await withFolder(async (folder) => {
    using model = smallModel("f32", wasmDevice());
    using optim = new Adafactor(model.parameters());
    await takeStep({ model, optim }, 1);
    const [weights, state] = [await bitsOf(model), await optim.stateDict()];
    const pending = await beginCheckpoint(folder, { model, optim, step: 1 });
    for (let step = 2; step < 5; step++) await takeStep({ model, optim }, step);
    assert.equal(await pending.publish(), `${folder}/step-00000001`);
    assert.ok(pending.isWritten);
    await loadCheckpoint(folder, { model, optim });
    assertSameBits(await bitsOf(model), weights);
    assertSameBits(await optim.stateDict(), state);
  });
});

Deno.test("if one rank cannot write, all ranks throw, and the checkpoints before stay", async () => {
  await withFolder(async (folder) => {
    await inProcessRanks(2, async ({ rank, group }) => {
      using model = smallModel("f32", wasmDevice());
      using optim = new Adafactor(model.parameters());
      await saveCheckpoint(folder, { model, optim, group, step: 1 });
      const blocked = rank === 1 ? `${folder}/step-00000001/manifest.json` : folder;
      await assert.rejects(saveCheckpoint(blocked, { model, optim, group, step: 2 }), {
        name: "CheckpointWriteError",
        message: /^Cannot save a checkpoint: .*(Not a directory|File exists|exists)/,
      });
      await group.barrier();
      assert.deepEqual(await namesIn(folder), ["step-00000001"]);
      const loaded = await loadCheckpoint(folder, { model, optim, group, onWarning: fail });
      assert.equal(loaded?.step, 1);
    });
  });
});

interface Training {
  readonly model: Decoder;
  readonly optim: Adafactor;
  readonly group: ProcessGroup;
}

const noMore = (_: Training): Promise<void> => Promise.resolve();

function fail(text: string): never {
  throw new Error(text);
}

/** Optimizers of both kinds as one that has a state. */
function stateOf(optim: Adafactor | AdamW): Adafactor {
  return optim as Adafactor;
}

function smallModel(dtype: FloatType, device: Parameter["device"]): Decoder {
  return newModel(device, { ...smallConfigs.gpt2, n_embd: 12, n_head: 6 }, {
    random: new RandomSource(3),
    model: Decoder,
    dtype,
  });
}

async function distributedOptim(
  model: Decoder,
  mesh: ProcessGroupMesh,
): Promise<DistributedAdaFactor> {
  const optim = new DistributedAdaFactor(model.parameters(), { lr: 0.01, beta1: 0.5 });
  optim.setupDistributed({
    tensorParallelGroup: await mesh.getGroupAlongAxis(0),
    dataParallelGroup: await mesh.getGroupAlongAxis(1),
    zeroStage: 2,
  });
  return optim;
}

async function takeStep(
  { model, optim }: { readonly model: Decoder; readonly optim: Adafactor | AdamW },
  step: number,
): Promise<number> {
  const values = Uint32Array.from({ length: 8 }, (_, k) => (k * step + k * k) % 11);
  using tokens = Tensor.from(model.parameters()[0].device, values, { shape: [2, 4] });
  using loss = await causalLoss(await model.forward({ tokens }), tokens);
  const value = await loss.item();
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
  return value;
}

async function bitsOf(model: Decoder): Promise<Record<string, Uint8Array>> {
  const bits: Record<string, Uint8Array> = {};
  for (const [path, parameter] of model.namedParameters()) bits[path] = await parameter.bytes();
  return bits;
}

async function wholeOf(model: Decoder): Promise<Record<string, Float32Array>> {
  const values: Record<string, Float32Array> = {};
  for (const [path, parameter] of model.namedParameters()) {
    values[path] = new Float32Array((await wholeBytes(parameter)).buffer);
  }
  return values;
}

async function flipBit(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length - 5] ^= 1;
  await Deno.writeFile(path, bytes);
}
