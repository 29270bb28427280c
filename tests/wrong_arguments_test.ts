// Plain JavaScript has no types: every function of the entry points is called with arguments of wrong kinds, and must refuse them by a
// sentence of its own, or take them. An error of the engine ("Cannot read properties of undefined") says neither what was wanted nor
// what came.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Device } from "../src/device/device.ts";
import { wasmDevice } from "../src/device/wasm/device.ts";
import * as models from "../src/models/mod.ts";
import * as nn from "../src/nn/mod.ts";
import * as optim from "../src/optim/mod.ts";

/** Exports that are not called, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      "BertClassifier",
      "BertMaskedLm",
      "BertTokenClassifier",
      "Blip2",
      "Decoder",
      "EncoderDecoder",
      "PretrainedModel",
      "Sam",
      "T5",
      "VitClassifier",
      "Whisper",
    ].map((name) => [name, "newModel() and loadPretrained() make it"]),
  ),
  modelFolder: "its second argument may be anything for a name that is no folder: it asks the hub",
  ModelConfig: "loadPretrained() and newModel() read it",
  SpeechFeatures:
    "a schema checks its settings; it takes any object without them, and computes large tables",
  SamImage: "readSamImage() makes it",
  ConvolutionLayer: "abstract: Conv1d, Conv2d and ConvTranspose2d check for it",
  Linear1DCol: "its constructor is private: fromNativeModule() and create() are called",
  Linear1DRow: "its constructor is private: fromNativeModule() and create() are called",
  LoraLinear: "addLora() makes it",
  NonFiniteGradientError: "step() makes it",
  Tensor: "its constructor takes memory, which ops make: Tensor.from() is called",
  VocabParallelEmbedding: "its constructor is private: fromNativeModule() is called",
  VocabParallelHead: "its constructor is private: fromNativeModule() and tiedTo() are called",
};

/** What V8 says when a value of another kind is used. */
const OF_THE_ENGINE = new RegExp(
  [
    "Cannot (read|set) propert",
    "Cannot destructure",
    "Cannot convert",
    "Cannot mix",
    "Cannot use 'in'",
    "'in' operator",
    "is not a function",
    "is not a constructor",
    "is not iterable",
    "Invalid array length",
    "Invalid typed array length",
    "undefined is not",
    "object is not",
  ].join("|"),
);

for (const [entry, exports] of Object.entries({ models, nn, optim })) {
  Deno.test(`functions of ./${entry} refuse arguments of wrong kinds by sentences of their own`, async () => {
    using device = wasmDevice();
    const values = valuesOfAllKinds(device);
    const calls = callsOf(exports);
    assert.ok(calls.size > 5);
    const refused: string[] = [];
    for (const [name, call] of calls) {
      const found = await errorOfTheEngine(call, values);
      if (found !== undefined) refused.push(`${name}${found}`);
    }
    assert.deepEqual(refused, []);
  });
}

Deno.test("messages say what was wanted, what came and what to do", async () => {
  using device = wasmDevice();
  const x = nn.Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  const labels = nn.Tensor.from(device, [0, 1], { dtype: "u32" });
  const layer = new nn.Linear(device, { inFeatures: 2, outFeatures: 2 });
  const any = (value: unknown) => value as never;
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => nn.linear(any(layer.forward(x)), layer.weight), /tensor for x, got a promise: await it/],
    [
      () => nn.matmul(x, any(3)),
      /tensor for b, got a number: make a tensor of it with Tensor.from/,
    ],
    [() => nn.softmax(any(labels)), /wants x in f32, f16 or bf16, got u32/],
    [
      () => nn.crossEntropy(x, any(nn.Tensor.from(device, [0, 1]))),
      /u32 tensor for targets, got f32: labels and indices are Tensor.from\(.*dtype: "u32"/,
    ],
    [() => nn.embedding(x, any([0, 1])), /u32 tensor for indices, got an array: labels and/],
    [() => nn.reshape(x, any(4)), /wants an array of numbers for the shape, such as .*, got 4/],
    [() => nn.permute(x, any(["0", "1"])), /array of numbers for the order, .* got one with 0/],
    [
      () => nn.tidy(any(layer.forward(x))),
      /wants a function, as in `tidy\(\(\) => .*, got a promise/,
    ],
    [() => nn.backward(any(layer.forward(x))), /backward\(\) wants a tensor, got a promise: await/],
    [() => nn.recompute(any(() => [x])), /function that returns a tensor, got an array/],
    [
      () => new nn.Linear(device, any({ inFeatures: 2, outFeatures: 2, random: Math.random })),
      /new RandomSource\(seed\), got a function/,
    ],
    [
      () => new nn.Linear(device, any({ weight: x, bias: undefined })),
      /wants a parameter for weight, got an object of class Tensor: .* new Parameter\(/,
    ],
    [() => new optim.Adafactor(any(layer)), /parameters/],
  ];
  for (const [call, message] of cases) {
    await assert.rejects(async () => await call(), { name: "TypeError", message });
  }
});

Deno.test("every export that is left out exists", () => {
  const exported = new Set(Object.keys({ ...models, ...nn, ...optim }));
  assert.deepEqual(Object.keys(LEFT_OUT).filter((name) => !exported.has(name)), []);
});

type Call = (...given: unknown[]) => unknown;

/** Functions, constructors and static functions of classes, by name. */
function callsOf(exports: Readonly<Record<string, unknown>>): Map<string, Call> {
  const calls = new Map<string, Call>();
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value !== "function") continue;
    const isClass = /^class\b/.test(Function.prototype.toString.call(value));
    if (!(name in LEFT_OUT)) {
      calls.set(name, (...given) => isClass ? Reflect.construct(value, given) : value(...given));
    }
    if (!isClass) continue;
    for (const [key, { value: f }] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      if (typeof f === "function") calls.set(`${name}.${key}`, (...given) => f.apply(value, given));
    }
  }
  return calls;
}

/** By what they are in messages; those that some function takes are among them. */
function valuesOfAllKinds(device: Device): Map<string, unknown> {
  const x = nn.Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  return new Map<string, unknown>([
    ["undefined", undefined],
    ["null", null],
    ["3", 3],
    // Not the name of a model on the hub.
    ["a text", "no folder of this name"],
    ["a promise", Promise.resolve(x)],
    ["[]", []],
    ["[1, 2]", [1, 2]],
    ["[x]", [x]],
    ["{}", {}],
    ["a function", () => 1],
    ["labels", nn.Tensor.from(device, [0, 1], { dtype: "u32" })],
    ["x", x],
    ["a parameter", new nn.Parameter(device, [1, 2, 3, 4], { shape: [2, 2] })],
    ["a layer", new nn.Linear(device, { inFeatures: 2, outFeatures: 2 })],
    ["a device", device],
  ]);
}

/** The first call that ends in an error of the engine: all pairs of arguments, and some of up to four. */
async function errorOfTheEngine(
  call: Call,
  values: ReadonlyMap<string, unknown>,
): Promise<string | undefined> {
  const kinds = [...values.keys()];
  const pairs = kinds.flatMap((first) => kinds.map((second) => [first, second]));
  const drawn = fc.sample(fc.array(fc.constantFrom(...kinds), { maxLength: 4 }), {
    numRuns: 200,
    seed: 1,
  });
  for (const given of [...pairs, ...drawn]) {
    try {
      const result = await call(...given.map((kind) => values.get(kind)));
      if (Symbol.asyncIterator in Object(result)) await (result as AsyncGenerator).next();
    } catch (error) {
      assert.ok(error instanceof Error);
      if (!OF_THE_ENGINE.test(error.message)) continue;
      return `(${given.join(", ")}): ${error.message}`;
    }
  }
  return undefined;
}
