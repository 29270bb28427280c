// What the training command chooses where flags say nothing, and that it says so at the start.

import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { assertClose } from "../support/assert_close.ts";
import { messagesIn, train } from "../support/cli/train_command.ts";
import { type SmallFiles, withSmallFiles } from "../support/train/small_gpt2.ts";

/** Flags without a choice of step sizes, optimizer or precision. */
function bareFlags({ model, data }: Pick<SmallFiles, "model" | "data">): string[] {
  return ["--model", model, "--data", data, "--tokenizer", "bytes", "--device", "wasm"]
    .concat(["--context", "13", "--batch", "3", "--steps", "5", "--eval-tokens", "300"]);
}

async function messagesOf(flags: readonly string[], ranks = 1) {
  const { code, stdout, stderr } = await train(flags, ranks);
  assert.equal(code, 0, stderr);
  const messages = messagesIn(stdout);
  const [start] = messages;
  assert.ok(start.kind === "start");
  return { start, messages };
}

/** The folder of the model in bf16. */
async function inBf16({ model, folder }: SmallFiles): Promise<string> {
  using device = wasmDevice();
  using loaded = await loadPretrained(device, model, { model: Decoder, dtype: "bf16" });
  await savePretrained(loaded, `${folder}/bf16`);
  return `${folder}/bf16`;
}

Deno.test("without --lr loaded weights get a small constant rate after a warm-up, and new ones the relative step", async () => {
  await withSmallFiles(async (files) => {
    const log = `${files.folder}/log`;
    const { code, stdout, stderr } = await train([...bareFlags(files), "--log", log]);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /\nAdafactor, learning rate 0.00005, constant after a warm-up of 2 steps \(default for loaded weights; --lr sets another\)\n/,
    );
    const messages = messagesIn(await Deno.readTextFile(log));
    const [start] = messages;
    assert.ok(start.kind === "start");
    assert.deepEqual([start.peakLr, start.warmup, start.schedule], [5e-5, 2, "constant"]);
    const rates = messages.flatMap((each) => each.kind === "step" ? [each.lr!] : []);
    assertClose(rates, [2.5e-5, 5e-5, 5e-5, 5e-5, 5e-5], { relative: 1e-12 });

    const scratch = await messagesOf([...bareFlags(files), "--from-scratch"]);
    assert.equal(scratch.start.peakLr, "relative");
    assert.match(scratch.start.choices[0], /^Adafactor, relative step/);
    assert.ok(scratch.messages.every((each) => each.kind !== "step" || each.lr === undefined));
  });
});

Deno.test("--schedule and --warmup shape the default rate of loaded weights", async () => {
  await withSmallFiles(async (files) => {
    const { start, messages } = await messagesOf(
      [...bareFlags(files), "--schedule", "linear", "--warmup", "0"],
    );
    assert.deepEqual([start.peakLr, start.warmup, start.schedule], [5e-5, 0, "linear"]);
    const rates = messages.flatMap((each) => each.kind === "step" ? [each.lr!] : []);
    assert.ok(rates.every((rate, k) => rate > 0 && (k === 0 || rate < rates[k - 1])));
  });
});

Deno.test("files in bf16 are trained with master weights and saved in bf16, and those in f32 stay so", async () => {
  await withSmallFiles(async (files) => {
    const model = await inBf16(files);
    const trained = `${files.folder}/trained`;
    const flags = bareFlags({ ...files, model });
    const { start, messages } = await messagesOf([...flags, "--lr", "0.001", "--save", trained]);
    assert.deepEqual(start.dtypes, ["bf16"]);
    assert.equal(start.masterWeights, true);
    assert.match(start.choices[1], /^weights in bf16 with f32 master weights \(default/);
    assert.ok(messages.every(({ kind }) => kind !== "warning"));
    using device = wasmDevice();
    using before = await loadPretrained(device, model, { model: Decoder });
    using after = await loadPretrained(device, trained, { model: Decoder });
    const size = async (folder: string) => (await Deno.stat(`${folder}/model.safetensors`)).size;
    assert.equal(await size(trained), await size(model));
    for (const [index, parameter] of after.parameters().entries()) {
      assert.equal(parameter.dtype, "bf16");
      const [was, is] = [await before.parameters()[index].data(), await parameter.data()];
      assert.ok(is.some((value, k) => value !== was[k]), parameter.name);
    }

    const whole = await messagesOf([...bareFlags(files), "--steps", "0"]);
    assert.deepEqual(whole.start.dtypes, ["f32"]);
    assert.equal(whole.start.choices[1], "weights in f32");
    const other = await messagesOf([...flags, "--steps", "0", "--rounding", "stochastic"]);
    assert.deepEqual([other.start.masterWeights, other.start.rounding], [false, "stochastic"]);
    assert.equal(other.start.choices[1], "weights in bf16, updates rounded stochastically");
  });
});

Deno.test("updates that are lost to rounding are warned of once, with the remedy", async () => {
  await withSmallFiles(async (files) => {
    const flags = bareFlags({ ...files, model: await inBf16(files) });
    const log = `${files.folder}/log`;
    const more = ["--no-master-weights", "--lr", "1e-5", "--steps", "10", "--log", log];
    const { code, stdout, stderr } = await train([...flags, ...more]);
    assert.equal(code, 0, stderr);
    const warnings = messagesIn(await Deno.readTextFile(log)).filter(({ kind }) =>
      kind === "warning"
    );
    assert.equal(warnings.length, 1);
    assert.match(
      stdout,
      /warning: Step 3 left \d\d\.\d % of \S+ as it was, .* to bf16: use master weights, stochastic/,
    );
  });
});

for (const [algorithm, lr] of [["adafactor", "0.01"], ["came", "0.001"], ["adamw", "0.01"]]) {
  Deno.test(`--algorithm ${algorithm} trains with momentum, weight decay and a maximal gradient norm, on 2 ranks as on 1`, async () => {
    await withSmallFiles(async (files) => {
      const flags = [...bareFlags(files), "--algorithm", algorithm, "--lr", lr];
      const more = ["--beta1", "0.5", "--weight-decay", "0.1", "--max-gradient-norm", "0.1"];
      const lossesOf = async (args: readonly string[], ranks = 1) => {
        const { start, messages } = await messagesOf(args, ranks);
        assert.equal(start.algorithm, algorithm);
        return messages.flatMap((each) => "loss" in each ? [each.loss] : []);
      };
      const losses = await lossesOf([...flags, ...more]);
      assert.ok(losses.at(-1)! < losses[0] - 0.1, String(losses));
      assertClose(await lossesOf([...flags, ...more, "--zero-stage", "2"], 2), losses, {
        relative: 1e-4,
      });
      assert.notDeepEqual(await lossesOf(flags), losses);
    });
  });
}
