// The defaults of the training command do SmolLM2-135M no harm: on English prose, on code and on German, held-out loss stays below where
// it began over the first 50 steps. 50 steps of one text take a few minutes on one core.

import assert from "node:assert/strict";
import { messagesIn, train } from "../support/cli/train_command.ts";
import { smolLm2 } from "../support/real/smollm2.ts";

const path = (name: string) => new URL(`../../${name}`, import.meta.url).pathname;
const TEXTS = {
  "English prose": [path("README.md"), path("docs")],
  "code": [path("src/optim")],
  "German": [path("tests/real/texts/german.txt")],
};

const name = "with the train command's defaults SmolLM2 gets no worse in 50 steps";
const model = await smolLm2();

if ("missing" in model) {
  Deno.test.ignore(`${name} [skipped: ${model.missing}]`, () => {});
} else {
  for (const [text, paths] of Object.entries(TEXTS)) {
    Deno.test(`${name}: ${text}`, async () => {
      const flags = ["--model", model.folder, "--data", ...paths, "--device", "wasm"]
        .concat(["--batch", "2", "--context", "64", "--eval-tokens", "256"])
        .concat(["--steps", "50", "--eval", "10"]);
      const { code, stdout, stderr } = await train(flags);
      assert.equal(code, 0, stderr);
      const losses = messagesIn(stdout).flatMap((each) =>
        each.kind === "evaluation" ? [each.loss] : []
      );
      console.log(`held-out loss on ${text}: ${losses.map((loss) => loss.toFixed(3)).join(", ")}`);
      assert.equal(losses.length, 6);
      const [before, ...after] = losses;
      assert.ok(after.every((loss) => loss < before), losses.join(", "));
      assert.ok(after.at(-1)! < before - 0.1, losses.join(", "));
    });
  }
}
