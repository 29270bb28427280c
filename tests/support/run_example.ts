// Runs a program of examples/ as its first comment says, and gives the lines that it prints.

import assert from "node:assert/strict";

/** Lines of standard output; the program must end with exit code 0. `ranks` starts it by the launcher. */
export async function runExample(
  file: string,
  args: readonly string[] = [],
  { ranks }: { readonly ranks?: number } = {},
): Promise<string[]> {
  const launcher = ranks === undefined ? [] : ["src/cli/launch.ts", "--ranks", `${ranks}`];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", ...launcher, `examples/${file}`, ...args],
    cwd: new URL("../..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n");
}
