// Runs the tests: those that need neither ports nor processes of their own side by side, the others one after the other, then
// Rust's. Ends with what failed, what was skipped and why, and how many there were.
//
//   deno task test                      all of them; ./run test first finds Deno and installs a software Vulkan
//   deno task test optim tests/nn       those under tests/optim and tests/nn; a file works too
//   deno task test real                 tests with real checkpoints, which pip fetches; not among all of them
//   deno task test optim --filter=zero  options are passed to deno test
//
// DENO_JOBS says how many files run side by side; by default as many as there are cores.

const ROOT = new URL("../", import.meta.url).pathname;

/** What runs one file after the other, by the beginning of its path, and why. */
const ALONE: Readonly<Record<string, string>> = {
  "tests/bench/": "starts processes and measures time",
  "tests/cli/": "starts processes, and stops them by signals",
  "tests/distributed/": "opens ports, starts processes, and expects peers within timeouts",
  "tests/models/load_in_transformers_test.ts": "starts Python",
  "tests/models/splitting/split_processes_test.ts": "starts processes",
  "tests/real/": "starts Python, and needs the memory of real models",
  "tests/train/mesh_losses_test.ts": "starts processes",
  "tests/documents_test.ts": "starts processes",
  "tests/entry_points_test.ts": "starts processes",
  "tests/examples/meshes_test.ts": "starts processes, and expects peers within timeouts",
  "tests/examples_test.ts": "starts processes",
  "tests/guides_test.ts": "starts processes",
  "tests/readme_test.ts": "starts processes",
};

/** What runs side by side all the same. */
const SIDE_BY_SIDE: Readonly<Record<string, string>> = {
  "tests/distributed/calls/": "wires and clocks are simulated",
  "tests/distributed/closing_test.ts": "wires and clocks are simulated",
  "tests/distributed/counted_facts_test.ts": "wires and clocks are simulated",
  "tests/distributed/failures/slow_peer_test.ts": "wires and clocks are simulated",
  "tests/distributed/failures/stall_test.ts": "does no I/O",
  "tests/distributed/layout_test.ts": "does no I/O",
};

/** Tests that fetch real checkpoints and train for minutes: they run only if they are named. */
const REAL = "tests/real";

const CRATES = ["rust_kernels", "rust_collectives"];

/** What a command printed, and its exit code. */
interface Outcome {
  readonly output: string;
  readonly code: number;
}

async function main(args: readonly string[]): Promise<number> {
  const options = args.filter((arg) => arg.startsWith("-"));
  const places = args.filter((arg) => !arg.startsWith("-")).map(placeOf);
  const isReal = (path: string) => path === REAL || path.startsWith(`${REAL}/`);
  const files = testFiles("tests").filter((file) =>
    places.length === 0
      ? !isReal(file)
      : places.some((place) =>
        (file === place || file.startsWith(`${place}/`)) && isReal(file) === isReal(place)
      )
  );
  if (files.length === 0) {
    console.error(`No tests in ${places.join(", ")}`);
    return 1;
  }
  const alone = files.filter(runsAlone);
  const sideBySide = files.filter((file) => !runsAlone(file));
  const outcomes: Outcome[] = [];
  if (sideBySide.length > 0) {
    // Each worker draws on a core of its own: threads of llvmpipe, Mesa's software driver, would share them.
    const env = { LP_NUM_THREADS: Deno.env.get("LP_NUM_THREADS") ?? "0" };
    outcomes.push(await runTests(sideBySide, { options: ["--parallel", ...options], env }));
  }
  if (alone.length > 0) outcomes.push(await runTests(alone, { options }));
  if (args.length === 0) outcomes.push(...await runRustTests());
  const code = outcomes.find(({ code }) => code !== 0)?.code ?? 0;
  // The last outcome's failures are on the screen already.
  for (const { output } of outcomes.slice(0, -1)) say(failuresIn(output));
  const output = outcomes.map(({ output }) => output).join("");
  for (const line of skippedIn(output)) say(`${line}\n`);
  const { passed, failed, skipped } = countsIn(output);
  if (code !== 0 && failed === 0) say(`Tests ended with code ${code} and no count of failures\n`);
  say(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return code;
}

/** The path from the root of what a user names: optim, tests/optim or ./tests/optim/. */
function placeOf(named: string): string {
  const path = named.replace(/^\.\//, "").replace(/\/+$/, "");
  return path === "tests" || path.startsWith("tests/") ? path : `tests/${path}`;
}

function testFiles(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return testFiles(path);
    return name.endsWith("_test.ts") ? [path] : [];
  }).sort();
}

function runsAlone(file: string): boolean {
  const begins = (paths: object) => Object.keys(paths).some((path) => file.startsWith(path));
  return begins(ALONE) && !begins(SIDE_BY_SIDE);
}

async function runTests(
  files: readonly string[],
  { options, env }: {
    readonly options: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<Outcome> {
  const args = ["test", "--quiet", "--permission-set=test", ...options, ...files];
  return await run(Deno.execPath(), args, env);
}

async function runRustTests(): Promise<Outcome[]> {
  if (!await hasCargo()) {
    const output = "[skipped: Rust tests, as there is no cargo]\n";
    say(output);
    return [{ output, code: 0 }];
  }
  const outcomes: Outcome[] = [];
  for (const crate of CRATES) {
    const manifest = `${crate}/Cargo.toml`;
    outcomes.push(await run("cargo", ["test", "--quiet", "--locked", "--manifest-path", manifest]));
  }
  return outcomes;
}

async function hasCargo(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("cargo", { args: ["--version"] }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a command in the root, shows what it prints, and keeps it. */
async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const child = new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env: { ...environment(), ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "";
  const show = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      output += text;
      say(text);
    }
  };
  const [{ code }] = await Promise.all([child.status, show(child.stdout), show(child.stderr)]);
  return { output, code };
}

function environment(): Record<string, string> {
  const { get } = Deno.env;
  return {
    NO_COLOR: "1",
    // Mesa prints an error where it is not set, as on machines without a login session.
    XDG_RUNTIME_DIR: get("XDG_RUNTIME_DIR") ?? get("TMPDIR") ?? "/tmp",
    // Vulkan alone: OpenGL's software driver takes longer to load.
    ...(Deno.build.os === "linux"
      ? { DENO_WEBGPU_BACKEND: get("DENO_WEBGPU_BACKEND") ?? "vulkan" }
      : {}),
    // Rust's tests are optimized, as they go over all numbers of 16 bits; overflow is still checked.
    CARGO_PROFILE_TEST_OPT_LEVEL: "2",
  };
}

/** From the heading of the errors on; what deno test prints last. */
function failuresIn(output: string): string {
  const begin = output.search(/^ ERRORS $/m);
  return begin === -1 ? "" : `\n${output.slice(begin)}`;
}

/** Each reason in a test's name, with how many give it. */
function skippedIn(output: string): string[] {
  const counts = new Map<string, number>();
  for (const [, reason] of output.matchAll(/\[skipped: ([^\]]*)\]/g)) {
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].sort().map(([reason, count]) => `skipped ${count}: ${reason}`);
}

/** The sums of the lines in which deno test and cargo test give their numbers. */
function countsIn(output: string): Record<"passed" | "failed" | "skipped", number> {
  const deno =
    /^(?:ok|FAILED) \| (\d+) passed(?: \(.*?\))? \| (\d+) failed(?: \(.*?\))?(?: \| (\d+) ignored)?/gm;
  const cargo = /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm;
  const sums = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, ignored] of [deno, cargo].flatMap((e) => [...output.matchAll(e)])) {
    sums.passed += Number(passed);
    sums.failed += Number(failed);
    sums.skipped += Number(ignored ?? 0);
  }
  return sums;
}

const encoder = new TextEncoder();

function say(text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

Deno.exit(await main(Deno.args));
