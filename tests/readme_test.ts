import assert from "node:assert/strict";

const root = new URL("..", import.meta.url);

Deno.test("the README's program trains", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", root));
  const [, program] = readme.match(/^```ts\n(.*?)^```$/ms) ?? assert.fail("no program");
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
    const losses = new TextDecoder().decode(stdout).trim().split("\n")
      .map((line) => Number(line.split(" ")[1]));
    assert.equal(losses.length, 5);
    assert.ok(losses[4] < 0.1 * losses[0] && losses[4] > 0, String(losses));
  } finally {
    await Deno.remove(file);
  }
});
