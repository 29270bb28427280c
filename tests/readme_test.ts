import assert from "node:assert/strict";

const root = new URL("..", import.meta.url);

Deno.test("the README's program trains", async () => {
  const losses = await lossesOf(0);
  assert.equal(losses.length, 5);
  assert.ok(losses[4] < 0.1 * losses[0] && losses[4] > 0, String(losses));
});

Deno.test("the README's program in bf16 trains by steps that bf16 alone would lose", async () => {
  const losses = await lossesOf(1);
  assert.equal(losses.length, 5);
  // Every step takes a thousandth off all weights; from 1 down bf16 has numbers 1/256 apart.
  losses.forEach((loss, index) => {
    const wanted = 0.999 ** (2 * (10 * index + 9));
    assert.ok(Math.abs(loss - wanted) <= wanted * 2 ** -7, `${losses}`);
  });
  assert.ok(losses[4] < losses[0]);
});

/** What the README's complete program number `index` prints beside its steps. */
async function lossesOf(index: number): Promise<number[]> {
  const readme = await Deno.readTextFile(new URL("README.md", root));
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block);
  const program = blocks.filter((block) => block.startsWith("import"))[index] ??
    assert.fail("no program");
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program.replaceAll('"./', `"${root.href}`));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--check",
        "-P=train",
        "--config",
        new URL("deno.json", root).pathname,
        file,
      ],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim().split("\n")
      .map((line) => Number(line.split(" ")[1]));
  } finally {
    await Deno.remove(file);
  }
}
