// The cache, when a process that makes an entry is killed.

import assert from "node:assert/strict";
import { openCached } from "../../../src/train/data/data_cache.ts";
import { namesIn, withFolder } from "../../support/temporary_folder.ts";

Deno.test("openCached() waits for a process that makes the entry, and makes it when that is killed", async () => {
  await withFolder(async (folder) => {
    const program = new URL("../programs/hold_cache.ts", import.meta.url).pathname;
    const maker = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-P=test", program, folder],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = maker.stdout.getReader();
    await reader.read();
    const numMade: string[] = [];
    const waited = Promise.withResolvers<string>();
    const opening = openCached({
      onWaiting: waited.resolve,
      key: "entry",
      make: async (folder) => {
        numMade.push(folder);
        await Deno.writeTextFile(`${folder}/whole`, "made");
      },
      open: (folder) => Deno.readTextFile(`${folder}/whole`),
    }, folder);
    assert.equal(await Deno.readTextFile(`${await waited.promise}/part`), "half");
    assert.equal(numMade.length, 0);
    maker.kill("SIGKILL");
    assert.equal(await opening, "made");
    assert.equal(numMade.length, 1);
    assert.deepEqual(await namesIn(folder), ["entry", "entry.lock"]);
    await reader.cancel();
    await maker.status;
  });
});
