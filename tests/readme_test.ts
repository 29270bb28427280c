// The programs in the documents that print losses train as they say.

import assert from "node:assert/strict";
import { runDeno } from "./support/documents/command.ts";
import { readDocuments, ROOT } from "./support/documents/document.ts";

Deno.test("the README's program trains", async () => {
  const losses = await lossesOf("README.md", "crossEntropy");
  assert.equal(losses.length, 5);
  assert.ok(losses[4] < 0.1 * losses[0] && losses[4] > 0, String(losses));
});

Deno.test("the program in bf16 trains by steps that bf16 alone would lose", async () => {
  const losses = await lossesOf("docs/optimizer.md", 'dtype: "bf16"');
  assert.equal(losses.length, 5);
  // Every step takes a thousandth off all weights; from 1 down bf16 has numbers 1/256 apart.
  losses.forEach((loss, index) => {
    const wanted = 0.999 ** (2 * (10 * index + 9));
    assert.ok(Math.abs(loss - wanted) <= wanted * 2 ** -7, `${losses}`);
  });
  assert.ok(losses[4] < losses[0]);
});

/** The losses that the program with `text` in it, in the document, prints behind its steps. */
async function lossesOf(path: string, text: string): Promise<number[]> {
  const document = readDocuments().find((each) => each.path === path)!;
  const program =
    document.blocks.find((block) => block.language === "ts" && block.text.includes(text)) ??
      assert.fail(`${path} has no program with ${text}`);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/program.ts`, program.text);
    const options = ["--quiet", "--check", "-P=train", "--config", `${ROOT}deno.json`];
    const { code, stdout, output } = await runDeno(["run", ...options, "program.ts"], folder);
    assert.equal(code, 0, output);
    return stdout.trim().split("\n").map((line) => Number(line.split(" ")[1]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
