// Compares a model with what transformers computed with the same weights: logits, loss, every gradient, and the losses and weights of
// five steps of Adafactor with two settings, each element within 5 times (its sensitivity to rounding errors + 1e-6).
// tests/goldens/generate_models.py makes the goldens.

import assert from "node:assert/strict";
import { loadPretrained } from "../../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../../src/checkpoint/save_pretrained.ts";
import { SafetensorsFile } from "../../../src/checkpoint/safetensors_file.ts";
import type { Device } from "../../../src/device/device.ts";
import { partsOf } from "../../../src/models/config/checkpoint_names.ts";
import type { PretrainedModel } from "../../../src/models/pretrained_model.ts";
import { IGNORE_INDEX } from "../../../src/ops/cross_entropy.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import { presets } from "../../../src/optim/options/presets.ts";
import type { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertClose } from "../assert_close.ts";
import { assertSameBits } from "../assert_same_bits.ts";
import { testOnEachDevice } from "../device/on_each_device.ts";
import { goldenModels } from "../goldens.ts";

/** The functions that run a family. */
export interface GoldenRun<Model extends PretrainedModel = PretrainedModel> {
  /** The class that its model must be of. */
  readonly model: abstract new (...args: never[]) => Model;
  /** Logits of the golden's inputs. */
  logits(model: Model, inputs: GoldenInputs): Promise<Tensor>;
  /** Their loss. */
  loss(logits: Tensor, inputs: GoldenInputs, model: Model): Tensor | Promise<Tensor>;
  /** Another result in the golden. */
  readonly more?: {
    readonly name: string;
    compute(model: Model, inputs: GoldenInputs): Promise<Tensor>;
  };
  /** The trainings on webgpu, where a step of so many parameters takes seconds of a software GPU. Default: both. */
  readonly webgpuTrainings?: readonly (keyof typeof SETTINGS)[];
  /** How the model is split over ranks. Default: it is whole on one device. */
  readonly placement?: GoldenPlacement;
}

/** A model split over ranks; every rank compares all results. */
export interface GoldenPlacement {
  /** Splits a model that was loaded whole. */
  readonly place: (model: PretrainedModel) => Promise<void>;
  readonly optimizer: (parameters: Parameter[], options: OptimizerOptions) => Adafactor;
  /** Gathers all ranks' values of a parameter or its gradient. */
  readonly whole: (values: Float32Array, parameter: Parameter) => Promise<Float32Array>;
  /** This rank's part of the values of all. */
  readonly part: (values: Float32Array, parameter: Parameter) => Float32Array;
}

/** The inputs of a golden, by the names of transformers' arguments. */
export interface GoldenInputs {
  /** Tokens, classes or masks; -100 becomes `IGNORE_INDEX`. */
  u32(name: string): Tensor<"u32">;
  /** Numbers, such as pixels. */
  f32(name: string): Tensor;
  /** Numbers or integers of any sign as lists of lists; undefined if there is no such input. */
  lists(name: string): unknown;
  /** Whether there is such an input. */
  has(name: string): boolean;
}

/** Registers the tests of one family on each device, on one rank. Steps share a device, which compiles the kernels once. */
export function testGoldenModel(
  family: string,
  run: GoldenRun,
): void {
  const folder = `${goldenModels}/${family}`;
  testOnEachDevice(`${family} is that of transformers`, async (device, test) => {
    await test.step("logits, loss and every gradient", async () => {
      await compareGradients(device, { folder, run });
    });
    const { webgpuTrainings = SETTING_NAMES } = run;
    for (const setting of device.kind === "webgpu" ? webgpuTrainings : SETTING_NAMES) {
      await test.step(`five steps of Adafactor (${setting})`, async () => {
        await compareTraining(device, { folder, run, setting });
      });
    }
  });
}

/** One golden and how it is run. */
export interface GoldenCase {
  readonly folder: string;
  readonly run: GoldenRun;
}

/** Logits, loss and gradients. @returns the largest error, relative to the tolerance */
export async function compareGradients(
  device: Device,
  { folder, run }: GoldenCase,
): Promise<number> {
  using golden = await Golden.open(device, folder);
  const { placement = wholeOnOneDevice } = run;
  using model = await loadPretrained(device, folder, { model: run.model });
  await placement.place(model);
  const logits = await run.logits(model, golden);
  using loss = await run.loss(logits, golden, model);
  const ratios = [await golden.compare("logits", await logits.data())];
  ratios.push(await golden.compare("loss", await loss.data()));
  await loss.backward();
  for (const [path, parameter] of model.namedParameters()) {
    if (!isTrained(model, path, golden)) {
      assert.equal(parameter.grad, undefined, `${path} has a gradient`);
      continue;
    }
    assert.ok(parameter.grad, `${path} has no gradient`);
    const gradient = await placement.whole(await parameter.grad.data(), parameter);
    for (const { name, values } of partsByName(model, path, gradient)) {
      ratios.push(await golden.compare(`grad.${name}`, values));
    }
  }
  golden.assertAllCompared("grad.");
  model.zeroGrad();
  if (run.more !== undefined) {
    using result = await run.more.compute(model, golden);
    ratios.push(await golden.compare(run.more.name, await result.data()));
  }
  return Math.max(...ratios);
}

/** A setting of Adafactor; with `perMatrix`, each tensor of the files is stepped by itself. */
export interface GoldenSetting {
  readonly setting: keyof typeof SETTINGS;
  readonly perMatrix?: boolean;
}

/** Five steps. @returns the largest error, relative to the tolerance */
export async function compareTraining(
  device: Device,
  { folder, run, setting, perMatrix = false }: GoldenCase & GoldenSetting,
): Promise<number> {
  const results = perMatrix ? `${setting}_split` : setting;
  using golden = await Golden.open(device, folder);
  const { placement = wholeOnOneDevice } = run;
  using model = await loadPretrained(device, folder, { model: run.model });
  await placement.place(model);
  const isWhole = [...model.namedParameters().keys()].every((path) =>
    isTrained(model, path, golden)
  );
  using optim = placement.optimizer(model.parameters(), {
    ...SETTINGS[setting],
    perMatrix,
    ...(isWhole ? {} : { missingGradients: "skip" }),
  });
  const losses: number[] = [];
  const lossOf = async () => {
    const loss = await run.loss(await run.logits(model, golden), golden, model);
    losses.push(await loss.item());
    return loss;
  };
  for (let step = 1; step <= 5; step++) {
    using loss = await lossOf();
    await optim.backward(loss);
    for (const [path, parameter] of model.namedParameters()) {
      const [{ name }] = partsOf(path, parameter.layout.wholeShape, model.form.names);
      if (!FUSED_BIAS.test(name)) continue;
      const gradient = await placement.whole(await parameter.grad!.data(), parameter);
      const cleared = placement.part(await golden.withoutNoise(name, gradient), parameter);
      parameter.grad = Tensor.from(device, cleared, { shape: parameter.shape });
    }
    await optim.step();
    optim.zeroGrad();
  }
  (await lossOf())[Symbol.dispose]();
  const ratios = [await golden.compare(`losses_${results}`, losses)];
  for (const [path, parameter] of model.namedParameters()) {
    const whole = await placement.whole(await parameter.data(), parameter);
    for (const { name, values } of partsByName(model, path, whole)) {
      if (!golden.isTrained(name)) {
        await golden.assertUnchanged(name, values);
        continue;
      }
      const key = `adafactor_${results}.${name}`;
      ratios.push(await golden.compare(key, values));
      await golden.assertMoved(name, key);
    }
  }
  golden.assertAllCompared(`adafactor_${results}.`);
  if (placement === wholeOnOneDevice) await assertSavedWhole(model);
  return Math.max(...ratios);
}

const wholeOnOneDevice: GoldenPlacement = {
  place: () => Promise.resolve(),
  optimizer: (parameters, options) => new Adafactor(parameters, options),
  whole: (values) => Promise.resolve(values),
  part: (values) => values,
};

/** Asserts that the model has the same bits and config after saving and loading. */
async function assertSavedWhole(model: PretrainedModel): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await savePretrained(model, folder);
    using loaded = await loadPretrained(model.parameters()[0].device, folder);
    assert.equal(loaded.form.config.text, model.form.config.text);
    const storedOf = (model: PretrainedModel) =>
      new Map([...model.namedParameters(), ...model.namedBuffers()]);
    const copies = storedOf(loaded);
    assert.deepEqual([...copies.keys()], [...storedOf(model).keys()]);
    for (const [path, parameter] of storedOf(model)) {
      assertSameBits(await copies.get(path)!.bytes(), await parameter.bytes(), path);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** transformers' Adafactor with the settings in the goldens' README.txt. */
const SETTINGS = {
  relative: { ...presets.huggingFace, relativeStep: true, warmupInit: false },
  external: {
    ...presets.huggingFace,
    lr: 0.001,
    scaleParameter: false,
    relativeStep: false,
    weightDecay: 0.01,
    clipThreshold: 1,
  },
} as const;
const SETTING_NAMES = ["relative", "external"] as const;

/** Whether a parameter has a gradient in the golden. */
function isTrained(model: PretrainedModel, path: string, golden: Golden): boolean {
  const { wholeShape } = model.namedParameters().get(path)!.layout;
  return partsOf(path, wholeShape, model.form.names).some(({ name }) => golden.isTrained(name));
}

/** The values of the parameter at `path` as the tensors of files. */
function partsByName(model: PretrainedModel, path: string, values: Float32Array) {
  const { layout } = model.namedParameters().get(path)!;
  const parts = partsOf(path, layout.wholeShape, model.form.names);
  const length = values.length / parts.length;
  return parts.map(({ name }, k) => ({
    name,
    values: values.subarray(k * length, (k + 1) * length),
  }));
}

interface Sensitivity {
  readonly max: number;
  /** Ranges of elements that cannot be compared. */
  readonly unstable?: readonly (readonly [begin: number, end: number])[];
}

/** expected.safetensors and sensitivity.json of one family, and the inputs, which it owns. */
export class Golden implements GoldenInputs, Disposable {
  readonly #device: Device;
  readonly #expected: SafetensorsFile;
  readonly #initial: SafetensorsFile;
  readonly #sensitivity: Readonly<Record<string, Sensitivity>>;
  readonly #values: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly #made = new Map<string, Tensor | Tensor<"u32">>();
  readonly #compared = new Set<string>();

  private constructor(device: Device, { expected, initial, sensitivity, values }: {
    readonly expected: SafetensorsFile;
    readonly initial: SafetensorsFile;
    readonly sensitivity: Readonly<Record<string, Sensitivity>>;
    readonly values: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  }) {
    this.#device = device;
    this.#expected = expected;
    this.#initial = initial;
    this.#sensitivity = sensitivity;
    this.#values = values;
  }

  static async open(device: Device, folder: string): Promise<Golden> {
    using stack = new DisposableStack();
    const expected = stack.use(await SafetensorsFile.open(`${folder}/expected.safetensors`));
    const initial = stack.use(await SafetensorsFile.open(`${folder}/model.safetensors`));
    const sensitivity = JSON.parse(await Deno.readTextFile(`${folder}/sensitivity.json`));
    const values = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const name of expected.tensors.keys()) {
      if (name.startsWith("input.")) values.set(name, await expected.read(name));
    }
    const golden = new Golden(device, { expected, initial, sensitivity, values });
    stack.move();
    return golden;
  }

  u32(name: string): Tensor<"u32"> {
    return this.#input(name, "I64", ({ buffer }) => {
      const values = Array.from(new BigInt64Array(buffer), Number);
      return Uint32Array.from(values, (value) => value === -100 ? IGNORE_INDEX : value);
    }) as Tensor<"u32">;
  }

  f32(name: string): Tensor {
    return this.#input(name, "F32", ({ buffer }) => new Float32Array(buffer)) as Tensor;
  }

  lists(name: string): unknown {
    const key = `input.${name}`;
    const entry = this.#expected.tensors.get(key);
    if (entry === undefined) return undefined;
    const { buffer } = this.#values.get(key)!;
    const values = entry.dtype === "I64"
      ? Array.from(new BigInt64Array(buffer), Number)
      : [...new Float32Array(buffer)];
    return listsOf(values, entry.shape);
  }

  has(name: string): boolean {
    return this.#expected.tensors.has(`input.${name}`);
  }

  /** Whether the parameter has a gradient; others stay as they are. */
  isTrained(name: string): boolean {
    return this.#expected.tensors.has(`grad.${name}`);
  }

  /** Asserts that a parameter without gradient has its initial values. */
  async assertUnchanged(name: string, actual: Float32Array): Promise<void> {
    assertSameBits(actual, await this.#numbers(this.#initial, name), name);
  }

  /** Asserts that all comparable values are within the tolerance. @returns the largest error, relative to the tolerance */
  async compare(key: string, actual: ArrayLike<number>): Promise<number> {
    const { max, unstable = [] } = this.#sensitivity[key] ??
      assert.fail(`no sensitivity of ${key}`);
    this.#compared.add(key);
    const expected = await this.#numbers(this.#expected, key);
    const absolute = 5 * (max + 1e-6);
    if (unstable.length > 0 && FUSED_BIAS.test(key)) {
      assert.equal(actual.length, expected.length, key);
      return 0;
    }
    const comparable = Float32Array.from(actual);
    for (const [begin, end] of unstable) comparable.set(expected.subarray(begin, end), begin);
    return assertClose(comparable, expected, { absolute, name: key });
  }

  /**
   * A vector's gradient with its rounding errors set to zero, like the goldens' own measure of sensitivity: elements that are zero in
   * exact arithmetic, such as those of the keys' bias, which changes all scores of a query equally. Each would make a full step in some
   * direction, harmless in itself; but where the bias is one vector with that of queries and values, the RMS of all steps together
   * decides at random whether they are clipped.
   */
  async withoutNoise(name: string, gradient: Float32Array): Promise<Float32Array> {
    const expected = await this.#numbers(this.#expected, `grad.${name}`);
    const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    return gradient.map((value, at) =>
      Math.abs(expected[at]) < NOISE * largest && Math.abs(value) < NOISE * largest ? 0 : value
    );
  }

  /** Asserts that the golden's weights moved so far that weights which did not move would fail, unless their gradient is zero. */
  async assertMoved(name: string, key: string): Promise<void> {
    const gradient = await this.#numbers(this.#expected, `grad.${name}`);
    if (gradient.every((value) => value === 0)) return;
    const initial = await this.#numbers(this.#initial, name);
    const trained = await this.#numbers(this.#expected, key);
    const moved = trained.some((value, at) =>
      Math.abs(value - initial[at]) > 5 * (this.#sensitivity[key].max + 1e-6)
    );
    assert.ok(moved, `${key}: standing still would pass`);
  }

  /** Asserts that every result of the golden under `prefix` was compared. */
  assertAllCompared(prefix: string): void {
    const left = [...this.#expected.tensors.keys()]
      .filter((key) => key.startsWith(prefix) && !this.#compared.has(key));
    assert.deepEqual(left, []);
  }

  [Symbol.dispose](): void {
    this.#expected[Symbol.dispose]();
    this.#initial[Symbol.dispose]();
    for (const each of this.#made.values()) each[Symbol.dispose]();
  }

  #input(
    name: string,
    dtype: "I64" | "F32",
    decode: (bytes: Uint8Array<ArrayBuffer>) => Uint32Array | Float32Array,
  ): Tensor | Tensor<"u32"> {
    const key = `input.${name}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const entry = this.#expected.tensors.get(key) ?? assert.fail(`no ${key}`);
    assert.equal(entry.dtype, dtype, key);
    const { shape } = entry;
    const values = decode(this.#values.get(key)!);
    const made = values instanceof Uint32Array
      ? Tensor.from(this.#device, values, { shape })
      : Tensor.from(this.#device, values, { shape });
    this.#made.set(key, made);
    return made;
  }

  async #numbers(file: SafetensorsFile, name: string): Promise<Float32Array> {
    assert.equal(file.tensors.get(name)?.dtype, "F32", name);
    return new Float32Array((await file.read(name)).buffer);
  }
}

/** Values in row-major order as lists of lists. */
function listsOf(values: readonly number[], [length, ...rest]: readonly number[]): unknown {
  if (length === undefined) return values[0];
  const count = values.length / length;
  return Array.from(
    { length },
    (_, k) => listsOf(values.slice(k * count, (k + 1) * count), rest),
  );
}

/** Biases of queries, keys and values in one vector. */
const FUSED_BIAS = /\.(c_attn|query_key_value|qkv_proj|qkv)\.bias$/;

/** Elements below this, relative to the largest of a vector's gradient, are rounding errors. */
const NOISE = 1e-5;
