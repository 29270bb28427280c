// What the training command will write is tried before the first step: whatever would lose the training at its end is refused at its
// start, with a sentence and exit code 2.

import assert from "node:assert/strict";
import { requirePublishable } from "../../src/checkpoint/disk_folder.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { command, flagsFor, train } from "../support/cli/train_command.ts";
import { type SmallFiles, smallGpt2, withSmallFiles } from "../support/train/small_gpt2.ts";
import { smallTokenizerJson } from "../support/train/small_tokenizer.ts";
import { namesIn, withFolder } from "../support/temporary_folder.ts";

interface Case {
  /** Makes what is in the way at `path`. */
  readonly prepare?: (path: string) => Promise<void>;
  readonly flags: (path: string, files: SmallFiles) => string[];
  readonly message: RegExp;
}

const saveIn = (below = "") => (path: string) => ["--save", `${path}${below}`];

const CASES: Readonly<Record<string, Case>> = {
  "--save is a file": {
    prepare: (path) => Deno.writeTextFile(path, "a file"),
    flags: saveIn(),
    message: /Cannot make the folder .*, as there is a file of that name/,
  },
  "--save is below a file": {
    prepare: (path) => Deno.writeTextFile(path, "a file"),
    flags: saveIn("/below"),
    message: /Cannot make the folder .*, as there is a file of that name/,
  },
  "--save is where nothing can be written": {
    prepare: (path) => Deno.mkdir(path, { mode: 0o555 }),
    flags: saveIn("/trained"),
    message: /Cannot write into .*trained: Permission denied/,
  },
  "--save is a link to nothing": {
    prepare: (path) => Deno.symlink("nothing", path),
    flags: saveIn(),
    message: /is a link to a folder that does not exist/,
  },
  "--save has a name that is too long": {
    flags: saveIn("n".repeat(230)),
    message: /Cannot write into .*too long/,
  },
  "--save is empty": {
    flags: () => ["--save", ""],
    message: /--save needs the path of a folder/,
  },
  "--save holds a folder called model.safetensors": {
    prepare: (path) => Deno.mkdir(`${path}/model.safetensors`, { recursive: true }),
    flags: saveIn(),
    message: /model\.safetensors, which is a folder: move it away/,
  },
  "--save holds a folder called config.json": {
    prepare: (path) => Deno.mkdir(`${path}/config.json`, { recursive: true }),
    flags: saveIn(),
    message: /config\.json, which is a folder: move it away/,
  },
  "--save holds an index of several files": {
    async prepare(path) {
      await Deno.mkdir(path);
      await Deno.writeTextFile(`${path}/model.safetensors.index.json`, "{}");
    },
    flags: saveIn(),
    message: /holds several files and an index: take another folder/,
  },
  "--save holds another model": {
    async prepare(path) {
      using other = smallGpt2({ heads: 2 });
      await savePretrained(other, path);
    },
    flags: saveIn(),
    message: /holds another model \(its config\.json has other values of n_embd, n_head\)/,
  },
  "--save holds a config.json that is none": {
    async prepare(path) {
      using other = smallGpt2();
      await savePretrained(other, path);
      await Deno.writeTextFile(`${path}/config.json`, "{");
    },
    flags: saveIn(),
    message: /config\.json/,
  },
  "--log is in a folder that does not exist": {
    flags: (path) => ["--log", `${path}/log`],
    message: /Cannot write the log .*: there is no folder/,
  },
  "--log is a folder": {
    prepare: (path) => Deno.mkdir(path),
    flags: (path) => ["--log", path],
    message: /--log needs the path of a file/,
  },
  "--log is where nothing can be written": {
    prepare: (path) => Deno.mkdir(path, { mode: 0o555 }),
    flags: (path) => ["--log", `${path}/log`],
    message: /Cannot write the log .*: Permission denied/,
  },
  "--curve is in a folder that does not exist": {
    flags: (path) => ["--curve", `${path}/curve.svg`],
    message: /Cannot write the curve .*: there is no folder/,
  },
  "--curve is the model's config.json": {
    flags: (_, { model }) => ["--curve", `${model}/config.json`],
    message: /--curve .* would overwrite .*config\.json, which is read/,
  },
  "--curve is the log": {
    flags: (path) => ["--curve", path, "--log", path],
    message: /--curve and --log are the same file/,
  },
  "--log is the text": {
    flags: (_, { data }) => ["--log", data],
    message: /would overwrite .*, which is read: give another file/,
  },
  "--log is the model's config.json": {
    flags: (_, { model }) => ["--log", `${model}/config.json`],
    message: /would overwrite .*config\.json, which is read/,
  },
};

for (const [what, { prepare, flags, message }] of Object.entries(CASES)) {
  Deno.test(`train.ts takes no step if ${what}`, async () => {
    await withSmallFiles(async (files) => {
      const path = `${files.folder}/path`;
      await prepare?.(path);
      const before = await namesIn(files.folder);
      const text = await Deno.readTextFile(files.data);
      const { code, stdout, stderr } = await train([...flagsFor(files), ...flags(path, files)]);
      assert.match(stderr, /^error: /);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /);
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.deepEqual(await namesIn(files.folder), before);
      assert.equal(await Deno.readTextFile(files.data), text);
    });
  });
}

Deno.test("requirePublishable() refuses more bytes than the disk has free, and names both numbers", async () => {
  await withFolder(async (folder) => {
    await requirePublishable(`${folder}/model`, { names: [], bytes: 1000 });
    await assert.rejects(
      requirePublishable(`${folder}/model`, { names: [], bytes: 2 ** 62 }),
      /Cannot write 4611686018427388000 bytes into .*, where \d+ are free/,
    );
    assert.deepEqual(await namesIn(folder), []);
  });
});

Deno.test("train.ts saves the tokenizer and chat template that it has read, even if they are gone at the end", async () => {
  await withSmallFiles(async ({ model, data, folder }) => {
    const template = "{{ messages }}";
    await Deno.writeTextFile(`${model}/tokenizer.json`, smallTokenizerJson());
    await Deno.writeTextFile(`${model}/chat_template.jinja`, template);
    const trained = `${folder}/trained`;
    const flags = ["--model", model, "--data", data, "--device", "wasm", "--steps", "1000000"];
    const child = command([...flags, "--save", trained]).spawn();
    let isAsked = false;
    let text = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (isAsked || !text.includes('"kind":"step"')) continue;
      await Deno.remove(model, { recursive: true });
      child.kill("SIGINT");
      isAsked = true;
    }
    const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assert.equal(code, 130, stderr);
    assert.equal(await Deno.readTextFile(`${trained}/tokenizer.json`), smallTokenizerJson());
    assert.equal(await Deno.readTextFile(`${trained}/chat_template.jinja`), template);
  }, { vocabulary: 262 });
});
