// Models on meshes of processes against transformers: logits, loss, gradients, and both trainings.

import assert from "node:assert/strict";
import { launchLocalRanks } from "../../../src/distributed/launcher/local_ranks.ts";
import { decoderRuns, encoderRuns, familiesLikeOthers } from "../../support/models/golden_runs.ts";

for (const family of Object.keys({ ...decoderRuns, ...encoderRuns })) {
  const meshes = familiesLikeOthers.has(family) ? [[2, 2]] : [[2, 1], [2, 2], [4, 1]];
  for (const [tensor, zero] of meshes) {
    const what = `${family} on tensor ${tensor} x ZeRO ${zero} processes is that of transformers`;
    Deno.test(what, async () => {
      const lines: string[] = [];
      const { failure } = await launchLocalRanks({
        ranks: tensor * zero,
        script: new URL("../programs/train_golden.ts", import.meta.url).href,
        args: [family, String(tensor), String(zero)],
        onLine: ({ stream, text }) => {
          if (stream === "stdout") lines.push(text);
        },
      });
      assert.equal(failure, undefined, failure?.stderr.join("\n"));
      const ranks = lines.map((line): { rank: number; largestError: number } => JSON.parse(line));
      assert.deepEqual(ranks.map(({ rank }) => rank).sort(), [...Array(tensor * zero).keys()]);
      assert.ok(ranks.every(({ largestError }) => largestError <= 1));
    });
  }
}
