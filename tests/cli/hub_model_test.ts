// Commands with a model that is named by its id on a hub, which listens on loopback here.

import assert from "node:assert/strict";
import { ModelFolder } from "../support/checkpoint/changed_checkpoint.ts";
import { HubServer } from "../support/checkpoint/hub_server.ts";
import { flagsFor, train } from "../support/cli/train_command.ts";
import { smallTokenizerJson } from "../support/train/small_tokenizer.ts";
import { type SmallFiles, withSmallFiles } from "../support/train/small_gpt2.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** A hub with the small model, and variables that make commands use it and an empty cache. */
async function withHub(
  body: (hub: HubServer, files: SmallFiles & { readonly cache: string }) => Promise<void>,
): Promise<void> {
  await withSmallFiles(async (files) => {
    await using hub = new HubServer();
    await using cache = await ModelFolder.make();
    const served: Record<string, Uint8Array<ArrayBuffer>> = {
      "tokenizer.json": new TextEncoder().encode(smallTokenizerJson()),
    };
    for (const name of ["config.json", "model.safetensors"]) {
      served[name] = await Deno.readFile(`${files.model}/${name}`);
    }
    hub.models["owner/name"] = { commit: COMMIT, files: served, token: "hf_x" };
    const variables = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache.path, HF_TOKEN: "hf_x" };
    for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
    try {
      await body(hub, { ...files, cache: cache.path });
    } finally {
      for (const name of Object.keys(variables)) Deno.env.delete(name);
    }
  }, { vocabulary: 300 });
}

Deno.test("train.ts downloads a model of the hub once for all ranks, trains it and saves it with its tokenizer", async () => {
  await withHub(async (hub, files) => {
    const saved = `${files.folder}/trained`;
    const flags = flagsFor({ ...files, model: "owner/name" })
      .filter((each) => each !== "--tokenizer" && each !== "bytes");
    const first = await train([...flags, "--save", saved], 2);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stderr.match(/downloading config\.json/g)?.length ?? 0, 1, first.stderr);
    const names = (await Array.fromAsync(Deno.readDir(saved))).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), ["config.json", "model.safetensors", "tokenizer.json"]);
    const downloads = hub.requests.filter((each) => /resolve.*safetensors$/.test(each));
    assert.equal(downloads.length, 1);

    // From the cache, and the same training as from a folder.
    Deno.env.set("HF_HUB_OFFLINE", "1");
    try {
      const before = hub.requests.length;
      const again = await train([...flags, "--revision", COMMIT]);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(hub.requests.length, before);
      const snapshot = `${files.cache}/models--owner--name/snapshots/${COMMIT}`;
      const local = await train(flags.map((each) => each === "owner/name" ? snapshot : each));
      const losses = (text: string) => [...text.matchAll(/"loss":([\d.]+)/g)].map(([, x]) => x);
      assert.ok(losses(again.stdout).length > 5);
      assert.deepEqual(losses(again.stdout), losses(local.stdout));
    } finally {
      Deno.env.delete("HF_HUB_OFFLINE");
    }
  });
});

Deno.test("train.ts says that there is neither a folder nor a model on the hub, and what a token may change", async () => {
  await withHub(async (_hub, files) => {
    const run = (model: string, ...more: string[]) =>
      train([...flagsFor({ ...files, model }), ...more]);
    const missing = await run("owner/other");
    assert.equal(missing.code, 2);
    assert.match(
      missing.stderr,
      /^error: There is no folder owner\/other, and no model owner\/other on the hub at http/m,
    );
    const revision = await run("owner/name", "--revision", "v2");
    assert.equal(revision.code, 2);
    assert.match(revision.stderr, /error: owner\/name has no revision v2 on the hub/);
  });
});
