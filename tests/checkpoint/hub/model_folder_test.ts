// Models by their id on a hub, which listens on loopback here.

import assert from "node:assert/strict";
import type { DownloadProgress } from "../../../src/checkpoint/hub/hub_download.ts";
import { hubFolder, modelFolder } from "../../../src/checkpoint/hub/model_folder.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { ModelFolder } from "../../support/checkpoint/changed_checkpoint.ts";
import { hashOf, HubServer } from "../../support/checkpoint/hub_server.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const OTHER = "89abcdef0123456789abcdef0123456789abcdef";
const ID = "owner/name";
const WEIGHTS = Uint8Array.from({ length: 9001 }, (_, k) => k * k % 251);
const text = (content: string) => new TextEncoder().encode(content);
const FILES = {
  "README.md": text("read me"),
  "config.json": text(`{"model_type": "gpt2"}`),
  "model.safetensors": WEIGHTS,
  "pytorch_model.bin": WEIGHTS.slice(1),
  "tokenizer.json": text("{}"),
  "added_tokens.json": text(""),
};
const NEEDED = ["added_tokens.json", "config.json", "model.safetensors", "tokenizer.json"];

/** A hub with one model, an empty cache, and how to download from one into the other. */
async function withHub(
  body: (around: {
    readonly hub: HubServer;
    readonly cache: string;
    readonly download: (options?: Partial<Options>) => Promise<string>;
  }) => Promise<void>,
): Promise<void> {
  await using hub = new HubServer();
  await using folder = await ModelFolder.make();
  hub.models[ID] = { commit: COMMIT, files: FILES };
  await body({
    hub,
    cache: folder.path,
    download: ({ id = ID, token, isOffline = false, ...options } = {}) =>
      hubFolder(id, {
        ...options,
        settings: { endpoint: hub.endpoint, cache: folder.path, token, isOffline },
        pause: 1,
      }),
  });
}

interface Options {
  readonly id: string;
  readonly revision: string;
  readonly token: string;
  readonly isOffline: boolean;
  readonly files: "all but weights";
  readonly onDownload: (progress: DownloadProgress) => void;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).toSorted();
}

Deno.test("a model is downloaded into the layout of Python's cache, without files that are not needed", async () => {
  await withHub(async ({ hub, cache, download }) => {
    const folder = await download();
    assert.equal(folder, `${cache}/models--owner--name/snapshots/${COMMIT}`);
    assert.deepEqual(await namesIn(folder), NEEDED);
    for (const name of NEEDED) {
      const expected = FILES[name as keyof typeof FILES];
      assertSameBits(await Deno.readFile(`${folder}/${name}`), expected);
      assert.equal(await Deno.readLink(`${folder}/${name}`), `../../blobs/${hashOf(expected)}`);
    }
    const blobs = NEEDED.map((name) => hashOf(FILES[name as keyof typeof FILES]));
    assert.deepEqual(await namesIn(`${cache}/models--owner--name/blobs`), blobs.toSorted());
    assert.equal(await Deno.readTextFile(`${cache}/models--owner--name/refs/main`), COMMIT);
    assert.deepEqual(await namesIn(`${cache}/models--owner--name/refs`), ["main"]);
    // Again, and in two other ways: nothing is downloaded.
    hub.requests.length = 0;
    assert.equal(await download(), folder);
    assert.equal(await download({ revision: COMMIT }), folder);
    assert.equal(await download({ isOffline: true }), folder);
    assert.deepEqual(hub.requests.filter((each) => each.includes("resolve")), []);
    assert.equal(hub.requests.length, 4);
  });
});

Deno.test("without weights, config and tokenizer are downloaded; the weights when they are needed", async () => {
  await withHub(async ({ download }) => {
    const folder = await download({ files: "all but weights" });
    assert.deepEqual(await namesIn(folder), NEEDED.filter((name) => !name.startsWith("model")));
    assert.equal(await download(), folder);
    assert.deepEqual(await namesIn(folder), NEEDED);
  });
});

Deno.test("a new commit downloads what has changed; parts of weights come with their index", async () => {
  await withHub(async ({ hub, download }) => {
    const first = await download();
    const files = {
      "config.json": FILES["config.json"],
      "model.safetensors.index.json": text(`{"weight_map": {}}`),
      "model-00001-of-00002.safetensors": WEIGHTS,
      "model-00002-of-00002.safetensors": WEIGHTS.slice(0, 5000),
    };
    hub.models[ID] = { commit: OTHER, files };
    hub.requests.length = 0;
    const second = await download();
    assert.notEqual(first, second);
    assert.deepEqual(await namesIn(second), Object.keys(files).toSorted());
    const downloaded = hub.requests.filter((each) => each.includes("resolve"));
    assert.ok(downloaded.every((each) => /index\.json|00002-of/.test(each)), downloaded.join("\n"));
    assert.equal(await download({ revision: OTHER }), second);
    await assert.rejects(download({ revision: "none" }), /owner\/name has no revision none/);
  });
});

Deno.test("a download goes on where the connection was cut, in the same call and in the next", async () => {
  await withHub(async ({ hub, cache, download }) => {
    hub.cuts.push(2000, 1500);
    hub.models[ID] = { commit: COMMIT, files: onlyWeights() };
    const progress: DownloadProgress[] = [];
    const folder = await download({ onDownload: (each) => progress.push(each) });
    assertSameBits(await Deno.readFile(`${folder}/model.safetensors`), WEIGHTS);
    const ranges = hub.requests.filter((each) => /safetensors bytes=[1-9]/.test(each));
    assert.ok(ranges.length >= 2, hub.requests.join("\n"));
    const received = progress.filter(({ file }) => file === "model.safetensors")
      .map(({ received }) => received);
    assert.deepEqual(received, received.toSorted((a, b) => a - b));
    assert.equal(received.at(-1), WEIGHTS.length);

    // What a process that was killed had written.
    const blob = `${cache}/models--owner--name/blobs/${hashOf(WEIGHTS)}`;
    await Deno.remove(blob);
    await Deno.writeFile(`${blob}.incomplete`, WEIGHTS.subarray(0, 7000));
    hub.requests.length = 0;
    await download();
    assertSameBits(await Deno.readFile(blob), WEIGHTS);
    assert.ok(hub.requests.some((each) => each.endsWith("bytes=7000-9000")));
  });
});

Deno.test("a connection that gives nothing any more ends the download with an error, and what came is kept", async () => {
  await withHub(async ({ hub, cache, download }) => {
    hub.models[ID] = { commit: COMMIT, files: onlyWeights() };
    hub.cuts.push(2000, 0, 0, 0, 0, 0, 0, 0);
    await assert.rejects(download(), /Cannot download model\.safetensors: .*kept/);
    const [incomplete] = await namesIn(`${cache}/models--owner--name/blobs`);
    assert.equal(incomplete, `${hashOf(WEIGHTS)}.incomplete`);
    hub.cuts.length = 0;
    const folder = await download();
    assertSameBits(await Deno.readFile(`${folder}/model.safetensors`), WEIGHTS);
  });
});

Deno.test("a file of another hash than the hub says is refused, and not kept", async () => {
  await withHub(async ({ hub, cache, download }) => {
    hub.models[ID] = { commit: COMMIT, files: onlyWeights() };
    const folder = `${cache}/models--owner--name/blobs`;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeFile(`${folder}/${hashOf(WEIGHTS)}.incomplete`, new Uint8Array(7000));
    await assert.rejects(download(), /model\.safetensors arrived damaged \(hash .*, wanted /);
    assert.deepEqual(await namesIn(folder), []);
    await download();
    await Deno.writeFile(`${folder}/${hashOf(text("{}"))}.incomplete`, new Uint8Array(7000));
    hub.models[ID] = { commit: OTHER, files: FILES };
    await assert.rejects(download(), /tokenizer\.json arrived damaged \(7000 bytes, wanted 2\)/);
  });
});

Deno.test("several downloads of one model at once give each the whole model", async () => {
  await withHub(async ({ hub, download }) => {
    const folders = await Promise.all([1, 2, 3, 4].map(() => download()));
    assert.equal(new Set(folders).size, 1);
    assertSameBits(await Deno.readFile(`${folders[0]}/model.safetensors`), WEIGHTS);
    const downloads = hub.requests.filter((each) => /model\.safetensors$/.test(each));
    assert.equal(downloads.length, 1, "one of them downloads, the others wait");
  });
});

Deno.test("private and gated models need a token, which no other host gets", async () => {
  await withHub(async ({ hub, download }) => {
    hub.models["a/private"] = { commit: COMMIT, files: FILES, token: "hf_x" };
    hub.models["a/gated"] = { commit: COMMIT, files: FILES, token: "hf_x", isGated: true };
    await assert.rejects(
      download({ id: "a/private" }),
      /There is no folder a\/private, and no model a\/private on the hub at http.*set HF_TOKEN/,
    );
    await assert.rejects(
      download({ id: "a/gated" }),
      /a\/gated is gated: accept its terms at http.*\/a\/gated, and set HF_TOKEN to a token/,
    );
    await assert.rejects(
      download({ id: "a/gated", token: "hf_wrong" }),
      /HF_TOKEN must be a token of an account that may read it/,
    );
    assert.equal(
      hub.requests.filter((each) => /gated\/resolve/.test(each)).length,
      2,
      "no retries",
    );
    for (const id of ["a/private", "a/gated"]) await download({ id, token: "hf_x" });
    assert.deepEqual(hub.leaked, []);
  });
});

Deno.test("what cannot be had is said with what to do", async () => {
  await withHub(async ({ hub, cache, download }) => {
    await assert.rejects(
      download({ id: "no/model" }),
      /There is no folder no\/model, and no model no\/model on the hub at http:.*check the name/,
    );
    await assert.rejects(
      download({ isOffline: true }),
      /revision main of owner\/name is not in the cache .*unset HF_HUB_OFFLINE/,
    );
    hub.models["a/pickle"] = {
      commit: COMMIT,
      files: { "config.json": FILES["config.json"], "pytorch_model.bin": WEIGHTS },
    };
    await assert.rejects(
      download({ id: "a/pickle" }),
      /a\/pickle on the hub has no model\.safetensors, only pytorch_model\.bin/,
    );
    hub.models["a/data"] = { commit: COMMIT, files: { "README.md": text("-") } };
    await assert.rejects(download({ id: "a/data" }), /has no config\.json/);
    await assert.rejects(download({ revision: "../x" }), /A revision is a branch/);
    hub.status = 503;
    await assert.rejects(
      download(),
      /There is no folder owner\/name, and it is not in the cache .* answers 503: try again later/,
    );
    hub.status = undefined;
    const folder = await download();
    hub.status = 503;
    assert.equal(await download(), folder, "what is cached does");
    const settings = { endpoint: "http://127.0.0.1:1", cache, token: undefined, isOffline: false };
    assert.equal(await hubFolder(ID, { settings, pause: 1 }), folder);
    await assert.rejects(
      hubFolder("not/cached", { settings, pause: 1 }),
      /Cannot reach the hub at http:\/\/127\.0\.0\.1:1/,
    );
  });
});

Deno.test("a local folder goes first, and a path is no id", async () => {
  for (const path of [".", "/no/such/folder", "./owner/name", "a/b/c", "../x", "a--b", ""]) {
    assert.equal(await modelFolder(path), path);
  }
});

function onlyWeights() {
  const { "config.json": config, "model.safetensors": weights } = FILES;
  return { "config.json": config, "model.safetensors": weights };
}
