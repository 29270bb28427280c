// The training command, in processes as a user starts them.

import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { TrainMessage } from "../../src/cli/train_report.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { assertClose } from "../support/assert_close.ts";
import { ModelFolder, zeros } from "../support/checkpoint/changed_checkpoint.ts";
import { smallConfigs } from "../support/models/small_configs.ts";
import { command, flagsFor, messagesIn, train } from "../support/cli/train_command.ts";
import { smallTokenizerJson } from "../support/train/small_tokenizer.ts";
import { withSmallFiles } from "../support/train/small_gpt2.ts";

function lossesIn(messages: readonly TrainMessage[]): number[] {
  return messages.flatMap((each) => "loss" in each ? [each.loss] : []);
}

function assertNear(one: readonly number[], other: readonly number[]): void {
  assertClose(one, other, { relative: 1e-4 });
}

Deno.test("train.ts logs, evaluates, samples, and saves a model that has the losses of the trained one", async () => {
  await withSmallFiles(async (files) => {
    const flags = flagsFor(files);
    const { code, stdout, stderr } = await train([...flags, "--save", `${files.folder}/trained`]);
    assert.equal(code, 0, stderr);
    const messages = messagesIn(stdout);
    assert.equal(
      messages.map(({ kind }) => kind).join(" "),
      "start evaluation step step step step step evaluation sample saved",
    );
    const [start] = messages;
    assert.equal(start.kind, "start");
    const { order2Loss } = start as unknown as { readonly order2Loss: number };
    assert.ok(order2Loss > 0.1 && order2Loss < 2.5);
    const losses = lossesIn(messages);
    assert.ok(losses.at(-1)! < losses[0] - 0.1, String(losses));

    const log = `${files.folder}/log`;
    const again = await train([
      ...flagsFor({ ...files, model: `${files.folder}/trained` }),
      ...["--steps", "0", "--schedule", "constant", "--log", log],
    ]);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /after 0 steps: held-out loss [\d.]+, perplexity [\d.]+/);
    assert.deepEqual(lossesIn(messagesIn(await Deno.readTextFile(log))), [losses.at(-1)]);

    const original = await Deno.readTextFile(`${files.model}/config.json`);
    assert.equal(await Deno.readTextFile(`${files.folder}/trained/config.json`), original);
  });
});

Deno.test("--epochs trains for as many steps as passes over the windows need, and the schedule ends with them", async () => {
  await withSmallFiles(async ({ model, data }) => {
    const { code, stdout, stderr } = await train([
      ...["--model", model, "--data", data, "--tokenizer", "bytes", "--context", "15"],
      ...["--epochs", "0.1", "--batch", "6", "--accumulate", "2", "--lr", "0.01"],
      ...["--schedule", "linear"],
    ]);
    assert.equal(code, 0, stderr);
    const messages = messagesIn(stdout);
    // A tenth of 5691 bytes is held out; 341 windows follow each other in the rest, and a step has 12.
    const rates = messages.flatMap((message) => message.kind === "step" ? [message.lr!] : []);
    assertClose(rates, [0.0075, 0.005, 0.0025], { relative: 1e-12 });
  });
});

Deno.test("train.ts logs times, flags, versions, files with their sizes, memory and the gradient's norm, and draws a curve", async () => {
  await withSmallFiles(async (files) => {
    const [log, curve] = [`${files.folder}/log`, `${files.folder}/curve.svg`];
    const flags = [...flagsFor(files), "--log", log, "--curve", curve];
    const { code, stdout, stderr } = await train(flags);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout, /[\u2800-\u28ff]/, "no picture where there is no terminal");
    const lines = messagesIn(await Deno.readTextFile(log)) as (TrainMessage & { time: string })[];
    const times = lines.map(({ time }) => {
      assert.equal(new Date(time).toISOString(), time);
      return Date.parse(time);
    });
    assert.ok(times.every((time, k) => k === 0 || time >= times[k - 1]));
    const [start] = lines;
    assert.ok(start.kind === "start");
    assert.deepEqual(start.flags, flags);
    const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
    assert.deepEqual(start.versions, { meshfactor: version, deno: Deno.version.deno });
    const names = ["config.json", "model.safetensors"].map((name) => `${files.model}/${name}`);
    const sizes = await Promise.all(
      [...names, files.data].map(async (path) => ({ path, bytes: (await Deno.stat(path)).size })),
    );
    assert.deepEqual(start.files, sizes);
    for (const line of lines) {
      if (line.kind !== "step") continue;
      assert.ok(line.gradientNorm! > 0.01 && line.gradientNorm! < 100);
      assert.ok(line.memory.process > 1e7 && line.memory.device > 4e4);
    }
    assert.match(await Deno.readTextFile(curve), /<title>model on text<\/title>/);
  });
});

Deno.test("train.ts trains a base model with a new head, and says on rank 0 which tensors are new and which are unused", async () => {
  using device = wasmDevice();
  const { qwen3 } = smallConfigs;
  await using folder = await ModelFolder.withModel(device, { ...qwen3, vocab_size: 256 });
  await folder.change((tensors) => [
    ...tensors.filter(({ name }) => name !== "lm_head.weight"),
    zeros("score.weight", [2, 8]),
  ]);
  await folder.configure({ architectures: ["Qwen3Model"] });
  await withSmallFiles(async (files) => {
    const flags = flagsFor({ ...files, model: folder.path });
    const { code, stderr } = await train([...flags, "--save", folder.file("trained")], 2);
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/has no lm_head\.weight: new, with random values/g)?.length, 1);
    assert.equal(stderr.match(/has score\.weight: not used by the model/g)?.length, 1);
  });
  using trained = await loadPretrained(device, folder.file("trained"), { model: Decoder });
  assert.deepEqual(trained.form.config.values.architectures, qwen3.architectures);
});

Deno.test("train.ts on two ranks of ZeRO trains as on one, and logs the same", async () => {
  await withSmallFiles(async (files) => {
    const flags = [...flagsFor(files), "--accumulate", "2"];
    const alone = messagesIn((await train(flags)).stdout);
    const { code, stdout, stderr } = await train([...flags, "--zero-stage", "2"], 2);
    assert.equal(code, 0, stderr);
    const both = messagesIn(stdout);
    assertNear(lossesIn(both), lossesIn(alone));
    const sample = (messages: TrainMessage[]) =>
      messages.flatMap((message) => message.kind === "sample" ? [message.text] : []);
    assert.deepEqual(sample(both), sample(alone));
    assert.equal(sample(both).length, 1);
  });
});

Deno.test("train.ts on two ranks that split the model trains as one, and saves a whole model with the same loss", async () => {
  await withSmallFiles(async (files) => {
    const flags = flagsFor(files);
    const saved = `${files.folder}/trained`;
    const alone = lossesIn(messagesIn((await train(flags)).stdout));
    const { code, stdout, stderr } = await train([...flags, "--tensor", "2", "--save", saved], 2);
    assert.equal(code, 0, stderr);
    const split = lossesIn(messagesIn(stdout));
    assertNear(split, alone);
    const again = await train([
      ...flagsFor({ ...files, model: saved }),
      ...["--steps", "0", "--schedule", "constant"],
    ]);
    const [whole] = lossesIn(messagesIn(again.stdout));
    assert.ok(Math.abs(whole / split.at(-1)! - 1) < 1e-6, `${whole} and ${split.at(-1)}`);
  });
});

Deno.test("train.ts reads a tokenizer.json, and saves it beside the model", async () => {
  await withSmallFiles(async (files) => {
    await Deno.writeTextFile(`${files.model}/tokenizer.json`, smallTokenizerJson());
    const [_, model, , data] = flagsFor(files);
    const flags = ["--model", model, "--data", data, "--device", "wasm", "--steps", "1"];
    const trained = `${files.folder}/trained`;
    const { code, stdout, stderr } = await train([...flags, "--save", trained]);
    assert.equal(code, 0, stderr);
    const [start] = messagesIn(stdout);
    assert.ok(start.kind === "start" && !("order2Loss" in start));
    assert.equal(await Deno.readTextFile(`${trained}/tokenizer.json`), smallTokenizerJson());
  }, { vocabulary: 262 });
});

for (const how of [["--master-weights"], ["--rounding", "stochastic"]]) {
  Deno.test(`train.ts trains and saves weights of bf16 with ${how.join(" ")}`, async () => {
    await withSmallFiles(async (files) => {
      const trained = `${files.folder}/trained`;
      const flags = [...flagsFor(files), "--dtype", "bf16", ...how, "--save", trained];
      const { code, stdout, stderr } = await train([...flags, "--from-scratch"]);
      assert.equal(code, 0, stderr);
      const losses = lossesIn(messagesIn(stdout));
      assert.ok(losses.at(-1)! < losses[0] - 0.1, String(losses));
      using device = wasmDevice();
      using model = await loadPretrained(device, trained, { model: Decoder });
      assert.deepEqual(new Set(model.parameters().map(({ dtype }) => dtype)), new Set(["bf16"]));
      const config = JSON.parse(await Deno.readTextFile(`${trained}/config.json`));
      assert.equal(config.dtype, "bfloat16");
    });
  });
}

const REFUSED: [string[], RegExp][] = [
  [["--colour"], /unknown option '--colour'/],
  [["--steps", "-1"], /It must be an integer >= 0/],
  [["--batch", ""], /It must be an integer >= 1/],
  [["--lr", "fast"], /It must be a number > 0/],
  [["--dropout", "1"], /It must be a number from 0 to below 1, or "config"/],
  [["--dtype", "f64"], /Allowed choices are f32, bf16, f16/],
  [["--zero", "2"], /a mesh of --tensor 1 x --zero 2 needs 2 ranks, and there is 1/],
  [["--tensor", "2"], /a mesh of --tensor 2 x --zero 1 needs 2 ranks, and there is 1/],
  [["--zero-stage", "3"], /Allowed choices are 1, 2/],
  [["--master-weights"], /--master-weights is for 16-bit weights/],
  [
    ["--dtype", "bf16", "--master-weights", "--rounding", "stochastic"],
    /--master-weights need no stochastic rounding/,
  ],
  [["--from-scratch", "--schedule", "cosine"], /--schedule needs --lr/],
  [["--from-scratch", "--warmup", "3"], /--warmup needs --lr/],
  [["--from-scratch", "--algorithm", "came"], /--algorithm came from scratch needs --lr/],
  [["--from-scratch", "--rounding", "stochastic"], /--rounding stochastic is for 16-bit weights/],
  [["--algorithm", "came"], /--algorithm came needs --lr/],
  [["--algorithm", "sgd"], /Allowed choices are adafactor, came, adamw/],
  [["--beta1", "1"], /It must be a number from 0 to below 1/],
  [["--weight-decay", "-1"], /It must be a number >= 0/],
  [["--max-gradient-norm", "0"], /It must be a number > 0/],
  [
    ["--lr", "1", "--schedule", "linear", "--warmup", "100"],
    /--warmup 100 must be less than the number of steps, 100/,
  ],
  [["--zero", "1", "--data", "-", "x"], /"-", standard input, is read alone/],
  [["--steps", "1", "--epochs", "1"], /--steps 1 and --epochs 1 both say how long to train/],
  [["--context", "17"], /--context 17 is more than the 16 tokens that the model supports/],
  [["--data", "/no/such/file"], /Cannot read \/no\/such\/file/],
  [["--model", "/no/such/model"], /There is no folder \/no\/such\/model: give the folder/],
  [["--tokenizer", "/no/such.json"], /Cannot read the tokenizer \/no\/such.json/],
  [["--sample", ""], /--sample needs a text of at least one token/],
];

Deno.test("train.ts refuses wrong flags with a sentence and exit code 2", async (t) => {
  await withSmallFiles(async ({ model, data }) => {
    for (const [wrong, message] of REFUSED) {
      await t.step(wrong.join(" "), async () => {
        const right = ["--model", model, "--data", data, "--tokenizer", "bytes"];
        const { code, stdout, stderr } = await train([...right, "--device", "wasm", ...wrong]);
        assert.match(stderr, message);
        assert.doesNotMatch(stderr, /\n\s+at /, "a stack says nothing to who has mistyped");
        assert.equal(code, 2);
        assert.equal(stdout, "");
      });
    }
  });
});

Deno.test("train.ts refuses a tokenizer with more tokens than the model's vocabulary, and names both numbers", async () => {
  await withSmallFiles(async (files) => {
    await Deno.writeTextFile(`${files.model}/tokenizer.json`, smallTokenizerJson());
    const flags = ["--model", files.model, "--data", files.data, "--device", "wasm"];
    const { code, stderr } = await train(flags);
    assert.match(stderr, /tokenizer.json\) has 262 tokens, and the model's vocabulary has 256/);
    assert.equal(code, 2);
  });
});

for (const ranks of [1, 2]) {
  Deno.test(`Ctrl-C ends training on ${ranks} ranks after a step, and saves the model`, async () => {
    await withSmallFiles(async (files) => {
      const trained = `${files.folder}/trained`;
      const flags = [...flagsFor(files), "--steps", "1000000", "--save", trained];
      const child = command(flags, ranks).spawn();
      let text = "";
      let isAsked = false;
      for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        if (isAsked || !text.includes('"kind":"step"')) continue;
        child.kill("SIGINT");
        isAsked = true;
      }
      const [{ code }, stderr] = await Promise.all([
        child.status,
        new Response(child.stderr).text(),
      ]);
      assert.equal(code, 130, stderr);
      assert.match(text, /"kind":"saved".*\n.*"kind":"stopped"/);
      using device = wasmDevice();
      using _model = await loadPretrained(device, trained, { model: Decoder });
    });
  });
}

Deno.test("train.ts --help explains every flag and how to start several ranks", async () => {
  const { code, stdout } = await train(["--help"]);
  assert.equal(code, 0);
  assert.match(stdout, /src\/cli\/launch.ts --ranks 4 src\/cli\/train.ts/);
  for (const flag of ["model", "data", "tokenizer", "zero-stage", "schedule", "save", "log"]) {
    assert.match(stdout, new RegExp(`--${flag}( <.*>)? +[a-z"]`));
  }
});
