// Runs a benchmark of bench/ as a user does, and reads the JSON lines that it prints.

/** A row, a note or the machine. */
export interface Line {
  readonly kind: string;
  readonly [column: string]: string | number;
}

/** What `bench/<name>.ts` printed with `--json`, and how it ended. There is no Python for peers. */
export async function runBench(name: string, args: readonly string[]): Promise<{
  readonly code: number;
  readonly lines: readonly Line[];
  readonly stderr: string;
}> {
  const script = new URL(`../../../bench/${name}.ts`, import.meta.url).href;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", script, ...args, "--json"],
    env: { MESHFACTOR_PYTHON: "/nowhere/python" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
  return {
    code,
    lines: lines.map((line): Line => JSON.parse(line)),
    stderr: new TextDecoder().decode(stderr),
  };
}
