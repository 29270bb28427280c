// The exports of each entry point of the package. A value that is renamed or removed breaks programs, so the list is written
// out here; types have no values, and `deno doc --lint` verifies that those which signatures name are exported too.

import assert from "node:assert/strict";
import config from "../deno.json" with { type: "json" };

type EntryPoint = keyof typeof config.exports;

/** The values of each entry point, in alphabetical order. */
const VALUES: Readonly<Record<EntryPoint, readonly string[]>> = {
  ".": [
    "Adafactor",
    "add",
    "addBias",
    "AdamW",
    "backward",
    "causalLoss",
    "CheckpointWriteError",
    "constantSchedule",
    "cosineSchedule",
    "crossEntropy",
    "Decoder",
    "DeviceUnavailableError",
    "DistributedAdaFactor",
    "DistributedAdamW",
    "dropout",
    "Embedding",
    "gelu",
    "generate",
    "generateBatch",
    "generateTokens",
    "KeyValueCache",
    "IGNORE_INDEX",
    "inverseSquareRootSchedule",
    "launch",
    "launchFromEnv",
    "LayerNorm",
    "Layout",
    "Linear",
    "Linear1DCol",
    "Linear1DRow",
    "linearSchedule",
    "loadCheckpoint",
    "loadPretrained",
    "modelFolder",
    "matmul",
    "mean",
    "Module",
    "keep",
    "mul",
    "newModel",
    "noGrad",
    "NonFiniteGradientError",
    "parallelize",
    "Parameter",
    "PeerLostError",
    "presets",
    "ProcessGroupMesh",
    "RandomSource",
    "recompute",
    "relu",
    "requestDevice",
    "RmsNorm",
    "RoutingRecord",
    "saveCheckpoint",
    "savePretrained",
    "scale",
    "softmax",
    "sum",
    "Tensor",
    "tidy",
    "vocabParallelCausalLoss",
    "vocabParallelCrossEntropy",
    "VocabParallelEmbedding",
    "VocabParallelHead",
  ],
  "./optim": [
    "Adafactor",
    "AdamW",
    "constantSchedule",
    "cosineSchedule",
    "DistributedAdaFactor",
    "DistributedAdamW",
    "importHuggingFaceState",
    "importTorchState",
    "inverseSquareRootSchedule",
    "linearSchedule",
    "NonFiniteGradientError",
    "presets",
  ],
  "./nn": [
    "add",
    "addBias",
    "attention",
    "backward",
    "batchedMatmul",
    "cast",
    "concat",
    "conv1d",
    "Conv1d",
    "conv2d",
    "Conv2d",
    "ConvolutionLayer",
    "convTranspose1d",
    "convTranspose2d",
    "ConvTranspose2d",
    "crossEntropy",
    "dropout",
    "embedding",
    "Embedding",
    "gather",
    "fourierFeatures",
    "gelu",
    "geluTanh",
    "groupedLinear",
    "IGNORE_INDEX",
    "indexAdd",
    "indexSelect",
    "layerNorm",
    "LayerNorm",
    "linear",
    "Linear",
    "Linear1DCol",
    "Linear1DRow",
    "matmul",
    "mean",
    "Module",
    "keep",
    "mul",
    "noGrad",
    "normalizeSums",
    "Parameter",
    "permute",
    "RandomSource",
    "RandomStream",
    "recompute",
    "relu",
    "repeat",
    "reshape",
    "rmsNorm",
    "RmsNorm",
    "rotary",
    "RotaryAngles",
    "scale",
    "silu",
    "slice",
    "softmax",
    "sum",
    "tanh",
    "Tensor",
    "tidy",
    "topK",
    "TransposedLinear",
    "vocabParallelCrossEntropy",
    "VocabParallelEmbedding",
    "VocabParallelHead",
  ],
  "./models": [
    "alibiBias",
    "alibiSlopes",
    "BertClassifier",
    "BertMaskedLm",
    "BertTokenClassifier",
    "causalLoss",
    "classificationLoss",
    "Decoder",
    "generate",
    "generateBatch",
    "generateTokens",
    "KeyValueCache",
    "loadPretrained",
    "modelFolder",
    "ModelConfig",
    "newModel",
    "parallelize",
    "PretrainedModel",
    "RoutingRecord",
    "savePretrained",
    "T5",
    "VitClassifier",
    "vocabParallelCausalLoss",
  ],
  "./checkpoint": [
    "beginCheckpoint",
    "CheckpointWriteError",
    "loadCheckpoint",
    "loadPretrained",
    "saveCheckpoint",
    "savePretrained",
  ],
  "./distributed": [
    "launch",
    "launchFromEnv",
    "Layout",
    "PeerLostError",
    "ProcessGroupMesh",
    "shardRange",
    "unitRange",
  ],
  "./device": ["DeviceUnavailableError", "requestDevice"],
  "./train": ["main"],
  "./generate": ["main"],
  "./classify": ["main"],
  "./launch": ["main"],
  "./analyse": ["main"],
};

for (const entryPoint of Object.keys(config.exports) as EntryPoint[]) {
  Deno.test(`${nameOf(entryPoint)} exports the values that programs import from it`, async () => {
    assert.deepEqual(Object.keys(await load(entryPoint)).toSorted(), VALUES[entryPoint].toSorted());
  });

  Deno.test(`everything that ${nameOf(entryPoint)} exports is documented`, async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--lint", fileOf(entryPoint)],
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, [stdout, stderr].map((text) => new TextDecoder().decode(text)).join(""));
  });
}

Deno.test("every value of the main entry point is one of a subpath too", async () => {
  const subpaths = await Promise.all(
    (["./optim", "./nn", "./models", "./checkpoint", "./distributed", "./device"] as const).map(
      load,
    ),
  );
  for (const [name, value] of Object.entries(await load("."))) {
    assert.ok(subpaths.some((subpath) => subpath[name] === value), name);
  }
});

function nameOf(entryPoint: EntryPoint): string {
  return `${config.name}${entryPoint.slice(1)}`;
}

function fileOf(entryPoint: EntryPoint): string {
  return new URL(config.exports[entryPoint], new URL("../", import.meta.url)).pathname;
}

async function load(entryPoint: EntryPoint): Promise<Record<string, unknown>> {
  return await import(`file://${fileOf(entryPoint)}`);
}
