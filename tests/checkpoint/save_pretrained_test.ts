// Saving is one act: whenever the saving process is killed, a folder has a whole model or none, and one that was there is whole.

import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { newModel } from "../../src/models/new_model.ts";
import { parallelize } from "../../src/models/parallelize.ts";
import type { PretrainedModel } from "../../src/models/pretrained_model.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { savedModels } from "../support/checkpoint/saver.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallConfigs } from "../support/models/small_configs.ts";
import { namesIn, withFolder } from "../support/temporary_folder.ts";

const SAVER = new URL("../support/checkpoint/saver.ts", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

Deno.test("a process that is killed while it replaces a model leaves the old one or the new one, whole", async () => {
  await withFolder(async (folder) => {
    const [first] = savedModels();
    const path = `${folder}/model`;
    await savePretrained(first, path);
    const files = new Set<number | null>();
    for (let delayMs = 1; delayMs < 36 || (files.size < 4 && delayMs < 3000); delayMs *= 1.3) {
      await killSaver(["one", path], delayMs);
      await requireWhole(path);
      files.add((await Deno.stat(`${path}/model.safetensors`)).ino);
    }
    assert.ok(files.size > 3, "the killed processes replaced the model");
  });
});

Deno.test("a process that is killed while it saves into new folders leaves whole models only", async () => {
  await withFolder(async (folder) => {
    let numWhole = 0;
    // A busy machine needs longer for some models.
    for (let delayMs = 3; delayMs < 36 || (numWhole < 4 && delayMs < 3000); delayMs *= 1.2) {
      const path = `${folder}/${delayMs}`;
      await Deno.mkdir(path);
      await killSaver(["many", path], delayMs);
      for (const name of (await namesIn(path)).filter((each) => !each.startsWith("."))) {
        await requireWhole(`${path}/${name}`);
        numWhole += 1;
      }
    }
    assert.ok(numWhole > 3, "the killed processes saved models");
  });
});

Deno.test("an empty folder gets all files at once, and no other file stays", async () => {
  await withFolder(async (folder) => {
    const [model] = savedModels();
    await savePretrained(model, folder);
    assert.deepEqual(await namesIn(folder), ["config.json", "model.safetensors"]);
    await savePretrained(model, folder);
    assert.deepEqual(await namesIn(folder), ["config.json", "model.safetensors"]);
  });
});

Deno.test("two processes and this one save into one folder, and every reader gets a whole model", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/model`;
    const savers = [startSaver(["one", path]), startSaver(["one", path])];
    try {
      await Promise.all(savers.map(({ ready }) => ready));
      const [model] = savedModels();
      for (let k = 0; k < 20; k++) {
        await savePretrained(model, path);
        await requireWhole(path);
      }
    } finally {
      await Promise.all(savers.map(({ kill }) => kill()));
    }
    await requireWhole(path);
  });
});

Deno.test("savePretrained() removes what killed processes left behind, and nothing of a living one", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/model`;
    const [old, recent, locked] = ["old", "recent", "locked"].map((id) => `${path}/.saving-${id}`);
    for (const each of [old, recent, locked]) await Deno.mkdir(each, { recursive: true });
    const anHourAgo = new Date(Date.now() - 3_600_000);
    for (const each of [old, locked]) await Deno.utime(each, anHourAgo, anHourAgo);
    using handle = await Deno.open(locked);
    await handle.lock(true);
    const [model] = savedModels();
    await savePretrained(model, path);
    assert.deepEqual(await namesIn(path), [
      ".saving-locked",
      ".saving-recent",
      "config.json",
      "model.safetensors",
    ]);
  });
});

Deno.test("savePretrained() saves the companions of the source, and those that it is given in their place", async () => {
  await withFolder(async (folder) => {
    const [source, target] = [`${folder}/source`, `${folder}/target`];
    const [model] = savedModels();
    await savePretrained(model, source);
    const names = ["tokenizer.json", "chat_template.jinja", "generation_config.json", "LICENSE"];
    for (const name of [...names, "training_log.txt"]) {
      await Deno.writeTextFile(`${source}/${name}`, `its ${name}`);
    }
    const bytes = new TextEncoder().encode("mine");
    await savePretrained(model, target, { source, companions: [{ name: "LICENSE", bytes }] });
    assert.deepEqual(
      await namesIn(target),
      [...names, "config.json", "model.safetensors"].toSorted(),
    );
    assert.equal(await Deno.readTextFile(`${target}/LICENSE`), "mine");
    assert.equal(await Deno.readTextFile(`${target}/tokenizer.json`), "its tokenizer.json");
  });
});

Deno.test("savePretrained() refuses a folder that it cannot replace as a whole, and changes nothing", async (t) => {
  const [model] = savedModels();
  const another = { ...smallConfigs.gpt2, n_layer: 1, n_inner: 7 };
  const cases: Record<string, [prepare: (folder: string) => Promise<void>, message: RegExp]> = {
    "another model": [
      async (folder) => {
        using other = newModel(wasmDevice(), another, { random: new RandomSource(1) });
        await savePretrained(other, folder);
      },
      /holds another model \(its config\.json has other values of .*n_inner/,
    ],
    "another tokenizer": [
      async (folder) => {
        await savePretrained(model, folder);
        await Deno.writeTextFile(`${folder}/tokenizer.json`, "another");
      },
      /holds a model with another tokenizer\.json: take another folder/,
    ],
    "an index": [
      async (folder) => {
        await Deno.mkdir(folder);
        await Deno.writeTextFile(`${folder}/model.safetensors.index.json`, "{}");
      },
      /holds several files and an index: take another folder/,
    ],
    "a folder in the way": [
      (folder) => Deno.mkdir(`${folder}/model.safetensors`, { recursive: true }),
      /model\.safetensors, which is a folder: move it away/,
    ],
    "a file in the way": [
      (folder) => Deno.writeTextFile(folder, "a file"),
      /as there is a file of that name/,
    ],
    "a link to nothing": [
      (folder) => Deno.symlink("nothing", folder),
      /is a link to a folder that does not exist/,
    ],
  };
  for (const [what, [prepare, message]] of Object.entries(cases)) {
    await t.step(what, async () => {
      await withFolder(async (folder) => {
        const path = `${folder}/model`;
        await prepare(path);
        const before = await contentsOf(folder);
        const companions = [{ name: "tokenizer.json", bytes: new TextEncoder().encode("mine") }];
        await assert.rejects(savePretrained(model, path, { companions }), message);
        assert.deepEqual(await contentsOf(folder), before);
      });
    });
  }
});

Deno.test("a split model needs no rank to be saved; a wrong one fails on all ranks before anything is written", async () => {
  await withFolder(async (folder) => {
    await inProcessRanks(2, async (world) => {
      using device = wasmDevice();
      using model = newModel(device, smallConfigs.gpt2, { random: new RandomSource(3) });
      const expected = await bitsOf(model);
      await parallelize(model, ProcessGroupMesh.over(world, 2));
      const saving = savePretrained(model, `${folder}/wrong`, { rank: 0 });
      await assert.rejects(
        saving,
        world.rank === 1 ? /leave `rank` out/ : /as another rank cannot/,
      );
      assert.deepEqual(await namesIn(folder), []);
      await world.group.barrier();
      await savePretrained(model, `${folder}/right`);
      await world.group.barrier();
      using loaded = await loadPretrained(device, `${folder}/right`);
      assertSameBits(await bitsOf(loaded), expected);
    });
  });
});

Deno.test("if rank 0 cannot write, all ranks of a split model throw, and go on together", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "in the way");
    await inProcessRanks(2, async (world) => {
      using device = wasmDevice();
      using model = newModel(device, smallConfigs.gpt2, { random: new RandomSource(3) });
      await parallelize(model, ProcessGroupMesh.over(world, 2));
      await assert.rejects(
        savePretrained(model, `${folder}/file`),
        world.rank === 0 ? /as there is a file of that name/ : /as another rank cannot/,
      );
      await world.group.barrier();
    });
  });
});

/** Starts a saver, kills it some time after it has begun, and waits for its end. */
async function killSaver(args: readonly string[], delayMs: number): Promise<void> {
  const { ready, kill } = startSaver(args);
  await ready;
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  await kill();
}

function startSaver(args: readonly string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", "--config", CONFIG, SAVER, ...args],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  return {
    ready: reader.read(),
    async kill() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

async function requireWhole(folder: string): Promise<void> {
  using model = await loadPretrained(wasmDevice(), folder);
  const bits = JSON.stringify(await bitsOf(model));
  const saved = await Promise.all(savedModels().map(bitsOf));
  assert.ok(saved.some((each) => JSON.stringify(each) === bits), `${folder} has other bits`);
}

async function bitsOf(model: PretrainedModel): Promise<Record<string, number[]>> {
  const bits: Record<string, number[]> = {};
  for (const [path, parameter] of model.namedParameters()) {
    bits[path] = [...await parameter.bytes()];
  }
  return bits;
}

/** Names of all files and folders below, with the texts of files. */
async function contentsOf(folder: string): Promise<unknown[]> {
  return await Promise.all((await namesIn(folder)).map(async (name) => {
    const path = `${folder}/${name}`;
    const { isDirectory, isSymlink } = await Deno.lstat(path);
    if (isSymlink) return [name, await Deno.readLink(path)];
    return [name, isDirectory ? await contentsOf(path) : await Deno.readTextFile(path)];
  }));
}
