// The cache is that of Python's huggingface_hub: each finds offline what the other has downloaded.

import assert from "node:assert/strict";
import { hubFolder } from "../../../src/checkpoint/hub/model_folder.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { ModelFolder } from "../../support/checkpoint/changed_checkpoint.ts";
import { HubServer } from "../../support/checkpoint/hub_server.ts";
import { hasModules, PYTHON } from "../../support/real/python.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const FILES = {
  "config.json": new TextEncoder().encode(`{"model_type": "gpt2"}`),
  "model.safetensors": Uint8Array.from({ length: 9001 }, (_, k) => k * k % 251),
};
const SNAPSHOT =
  "import sys, huggingface_hub; print(huggingface_hub.snapshot_download(sys.argv[1]))";

const ignore = !await hasModules("huggingface_hub");
const skipped = ignore ? ` [skipped: no huggingface_hub in ${PYTHON}]` : "";

async function snapshotInPython(id: string, env: Record<string, string>): Promise<string> {
  const command = new Deno.Command(PYTHON, { args: ["-c", SNAPSHOT, id], env, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test({
  name: `what is downloaded here is found offline by Python, and the other way round${skipped}`,
  ignore,
  async fn() {
    await using hub = new HubServer();
    await using cache = await ModelFolder.make();
    for (const id of ["owner/here", "owner/there"]) {
      hub.models[id] = { commit: COMMIT, files: FILES };
    }
    const { endpoint } = hub;
    const settings = { endpoint, cache: cache.path, token: undefined, isOffline: false };
    const here = await hubFolder("owner/here", { settings, pause: 1 });
    const env = { HF_HUB_CACHE: cache.path, HF_ENDPOINT: endpoint, HF_HUB_DISABLE_XET: "1" };
    assert.equal(await snapshotInPython("owner/here", { ...env, HF_HUB_OFFLINE: "1" }), here);

    const there = await snapshotInPython("owner/there", env);
    const before = hub.requests.length;
    const offline = { ...settings, isOffline: true };
    assert.equal(await hubFolder("owner/there", { settings: offline, pause: 1 }), there);
    assert.equal(hub.requests.length, before);
    // Online, all that Python has is taken as it is.
    assert.equal(await hubFolder("owner/there", { settings, pause: 1 }), there);
    assert.ok(!hub.requests.slice(before).some((each) => each.includes("resolve")));
    for (const [name, bytes] of Object.entries(FILES)) {
      for (const folder of [here, there]) {
        assertSameBits(await Deno.readFile(`${folder}/${name}`), bytes);
      }
    }
  },
});
