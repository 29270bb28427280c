// Begins to make an entry of the cache in the folder of its argument, and never ends.

import { openCached } from "../../../src/train/data/data_cache.ts";

await openCached({
  key: "entry",
  make: async (folder) => {
    await Deno.writeTextFile(`${folder}/part`, "half");
    console.log("making");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  },
  open: (folder) => Deno.readTextFile(`${folder}/whole`),
}, Deno.args[0]);
