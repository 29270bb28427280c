import assert from "node:assert/strict";
import { homedir } from "node:os";
import { hubSettings } from "../../../src/checkpoint/hub/hub_settings.ts";
import { ModelFolder } from "../../support/checkpoint/changed_checkpoint.ts";

function settings(variables: Readonly<Record<string, string>>) {
  return hubSettings((name) => variables[name]);
}

Deno.test("the variables of Python's huggingface_hub say where models come from and go to", async () => {
  const none = { HF_TOKEN_PATH: "/no/such/token" };
  assert.deepEqual(await settings(none), {
    endpoint: "https://huggingface.co",
    cache: `${homedir()}/.cache/huggingface/hub`,
    token: undefined,
    isOffline: false,
  });
  const caches: [variables: Record<string, string>, cache: string][] = [
    [{ XDG_CACHE_HOME: "/x" }, "/x/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/x", HF_HOME: "/h" }, "/h/hub"],
    [{ HF_HOME: "~/h" }, `${homedir()}/h/hub`],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old" }, "/old"],
    [{ HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/c" }, "/c"],
    [{ HF_HUB_CACHE: "", HF_HOME: "/h" }, "/h/hub"],
  ];
  for (const [variables, cache] of caches) {
    assert.equal((await settings({ ...none, ...variables })).cache, cache);
  }
  const { endpoint } = await settings({ ...none, HF_ENDPOINT: "http://mirror:8080/" });
  assert.equal(endpoint, "http://mirror:8080");
  for (const value of ["1", "true", "YES", "on"]) {
    assert.ok((await settings({ ...none, HF_HUB_OFFLINE: value })).isOffline);
    assert.ok((await settings({ ...none, TRANSFORMERS_OFFLINE: value })).isOffline);
  }
  assert.ok(!(await settings({ ...none, HF_HUB_OFFLINE: "0" })).isOffline);
});

Deno.test("the token is HF_TOKEN, or that of the file that Python's login writes", async () => {
  await using home = await ModelFolder.make();
  assert.equal((await settings({ HF_HOME: home.path })).token, undefined);
  await Deno.writeTextFile(home.file("token"), "hf_file\n");
  assert.equal((await settings({ HF_HOME: home.path })).token, "hf_file");
  assert.equal((await settings({ HF_HOME: home.path, HF_TOKEN: "hf_x" })).token, "hf_x");
  await Deno.writeTextFile(home.file("other"), "hf_other");
  const HF_TOKEN_PATH = home.file("other");
  assert.equal((await settings({ HF_HOME: home.path, HF_TOKEN_PATH })).token, "hf_other");
});
