// Parameters that --freeze names keep their bits, on every mesh, and need no memory for training.

import assert from "node:assert/strict";
import { SafetensorsFile } from "../../src/checkpoint/safetensors_file.ts";
import { frozenParameters } from "../../src/cli/frozen_parameters.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { trainLanguageModel } from "../../src/train/language_training.ts";
import { splitTail } from "../../src/train/data/held_out.ts";
import { tokensInMemory } from "../../src/train/token_sequence.ts";
import { assertClose } from "../support/assert_close.ts";
import { flagsFor, messagesIn, train } from "../support/cli/train_command.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallConfigs } from "../support/models/small_configs.ts";
import { smallGpt2, smallText, withSmallFiles } from "../support/train/small_gpt2.ts";

const PATTERNS = ["transformer.wte.*", "transformer.h.0.*", "*.bias"];

async function tensorsIn(folder: string): Promise<Map<string, string>> {
  using file = await SafetensorsFile.open(`${folder}/model.safetensors`);
  const names = [...file.tensors.keys()];
  return new Map(
    await Promise.all(names.map(async (name) => [name, (await file.read(name)).toHex()] as const)),
  );
}

Deno.test("frozen parameters are saved with the bits that they had, all others are trained, and losses are the same on 4 ranks", async () => {
  await withSmallFiles(async (files) => {
    const before = await tensorsIn(files.model);
    const losses: number[][] = [];
    for (const [ranks, mesh] of [[1, []], [4, ["--tensor", "2", "--zero-stage", "2"]]] as const) {
      const trained = `${files.folder}/trained-${ranks}`;
      const flags = [...flagsFor(files), "--batch", "4", ...mesh, "--save", trained];
      const { code, stdout, stderr } = await train([...flags, "--freeze", ...PATTERNS], ranks);
      assert.equal(code, 0, stderr);
      const messages = messagesIn(stdout);
      const [start] = messages;
      assert.ok(start.kind === "start");
      assert.match(
        start.choices.join("\n"),
        /^training \d+ of 9772 parameters \(.* %\): transformer\.wte\.\*, transformer\.h\.0\.\*, \*\.bias are frozen$/m,
      );
      losses.push(messages.flatMap((each) => "loss" in each ? [each.loss] : []));
      let numTrained = 0;
      for (const [name, bits] of await tensorsIn(trained)) {
        const isFrozen = /^transformer\.(wte|h\.0)\.|\.bias$/.test(name);
        assert.equal(bits === before.get(name), isFrozen, name);
        if (!isFrozen) numTrained += bits.length / 8;
      }
      assert.equal(start.trainedParameters, numTrained);
    }
    assertClose(losses[1], losses[0], { relative: 1e-4 });
    assert.ok(losses[0].at(-1)! < losses[0][0] - 0.05, String(losses[0]));
  });
});

Deno.test("frozen parameters need neither gradients nor optimizer state", async () => {
  const peakWith = async (patterns: readonly string[]) => {
    using model = smallGpt2({ heads: 8 });
    const [{ device }] = model.parameters();
    const context = 2;
    const { paths, numTrained } = frozenParameters(model, patterns);
    const before = device.statistics().liveBytes;
    await inProcessRanks(1, async (world) => {
      await trainLanguageModel(world, model, {
        text: splitTail(tokensInMemory(smallText()), { context }),
        context,
        batch: 1,
        accumulate: 2,
        steps: 2,
        tensor: 1,
        zero: 1,
        zeroStage: 1,
        evaluateEvery: 0,
        evaluateTokens: 2,
        seed: 3,
        frozen: paths,
        optimizer: { algorithm: "adamw" },
        lr: () => 1e-3,
      });
    });
    const frozen = model.parameters().filter(({ requiresGrad }) => !requiresGrad);
    assert.equal(frozen.length, paths.length);
    assert.ok(frozen.every(({ grad }) => grad === undefined));
    return { bytes: device.statistics().peakBytes - before, numTrained };
  };
  const all = await peakWith([]);
  const some = await peakWith(["transformer.h.*", "transformer.wte.*"]);
  // A gradient and two moments of f32 for each.
  const saved = 3 * 4 * (all.numTrained - some.numTrained);
  assert.ok(all.bytes - some.bytes > 0.9 * saved, `${all.bytes}, ${some.bytes}: ${saved}`);
});

Deno.test("--freeze patterns are those of names in the files, of which each must match some and all together not all", () => {
  using device = wasmDevice();
  using model = newModel(device, smallConfigs.qwen3, {
    random: new RandomSource(1),
    model: Decoder,
  });
  const numFrozen = (...patterns: string[]) => frozenParameters(model, patterns).paths.length;
  assert.equal(numFrozen(), 0);
  assert.equal(numFrozen("model.embed_tokens.*"), 1);
  assert.equal(
    numFrozen("model.layers.0.*"),
    numFrozen("model.layers.[0-0].self_attn.*", "*.0.mlp.*", "model.layers.0.*norm*"),
  );
  assert.equal(numFrozen("model.{embed_tokens,norm}.weight"), 2);
  assert.throws(
    () => numFrozen("model.embed_tokens"),
    /--freeze "model.embed_tokens" matches none of the \d+ parameters, .* such as model.embed_tokens.weight/,
  );
  assert.throws(() => numFrozen("blocks.*"), /matches none/);
  assert.throws(() => numFrozen("model.*", "lm_head.*"), /leaves nothing to train/);
});

Deno.test("experts that are one parameter are frozen together, by their names in files", () => {
  using device = wasmDevice();
  using model = newModel(device, smallConfigs.mixtral, { random: new RandomSource(1) });
  const { paths } = frozenParameters(model, ["*.experts.*.w[13].weight", "model.layers.1.*.w2.*"]);
  assert.deepEqual(paths, [
    "blocks.0.mlp.stack.gateUp",
    "blocks.1.mlp.stack.gateUp",
    "blocks.1.mlp.stack.down",
  ]);
  assert.throws(() => frozenParameters(model, ["*.experts.1.w2.weight"]), {
    name: "RangeError",
    message:
      /matches model\.layers\.0\..*experts\.1\.w2\.weight and not model\.layers\.0\..*experts\.0\.w2\.weight.*freeze all/,
  });
});
