// The launcher: prefixes, arguments, the first failure last, and no rank left behind.

import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { pinned } from "../../src/distributed/launcher/cores.ts";
import { freePort } from "../../src/distributed/launcher/free_port.ts";

const LAUNCHER = new URL("../../src/cli/launch.ts", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const SECRET = "the secret of the job";
const PROGRAM = new URL("../support/cli/launched_program.ts", import.meta.url).href;

Deno.test("the launcher starts ranks that find each other, and prefixes their output", async () => {
  const { code, stdout, stderr } = await launch(["--ranks", "3", PROGRAM, "sum", "--flag"]);
  equal(code, 0, stderr);
  deepEqual(stdout.trimEnd().split("\n").sort(), [
    "[rank 0] sum 6, arguments sum --flag",
    "[rank 1] sum 6, arguments sum --flag",
    "[rank 2] sum 6, arguments sum --flag",
  ]);
});

Deno.test("two launchers, as on two hosts, start one job with their options", async () => {
  const port = freePort();
  const job = ["--nodes", "2", "--ranks", "2", "--master-addr", "127.0.0.1"];
  const options = ["--master-port", String(port), "--same-host", "tcp", "--interface", "lo"];
  const runs = await Promise.all(
    ["0", "1"].map((node) =>
      launch([...job, ...options, "--node", node, PROGRAM, "sum"], {
        MESHFACTOR_SECRET: SECRET,
      })
    ),
  );
  for (const { code, stderr } of runs) equal(code, 0, stderr);
  deepEqual(runs.flatMap(({ stdout }) => stdout.trimEnd().split("\n")).sort(), [
    "[rank 0] sum 10, arguments sum",
    "[rank 1] sum 10, arguments sum",
    "[rank 2] sum 10, arguments sum",
    "[rank 3] sum 10, arguments sum",
  ]);
});

Deno.test({
  name: "--pin keeps each rank on a share of the cores",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const program = new URL("../distributed/programs/own_cores.ts", import.meta.url).href;
    const { code, stdout, stderr } = await launch(["--ranks", "2", "--pin", program]);
    equal(code, 0, stderr);
    deepEqual(
      stdout.trimEnd().split("\n").sort(),
      [0, 1].map((rank) => `[rank ${rank}] ${pinned(rank, 2)[2]}`),
    );
  },
});

Deno.test("the first rank that fails stops all others, and its error is printed last", async () => {
  for (const how of ["throw", "throw-alone"]) {
    const { code, stdout, stderr } = await launch(["--ranks", "3", PROGRAM, how]);
    equal(code, 1);
    const lines = stderr.trimEnd().split("\n");
    const last = lines.findIndex((line) => line.startsWith("rank 1 failed first, with code 1"));
    ok(last >= 0, stderr);
    const reported = lines.slice(last + 1);
    ok(reported.every((line) => line.startsWith("[rank 1] ")), stderr);
    match(reported.join("\n"), /rank 1 has no data/);
    await requireGone(stdout);
  }
});

Deno.test("a rank that ignores SIGTERM is killed", async () => {
  const began = performance.now();
  const { code, stdout } = await launch(["--ranks", "2", PROGRAM, "ignore-sigterm"]);
  equal(code, 7);
  ok(performance.now() - began < 20_000);
  await requireGone(stdout);
});

Deno.test("Ctrl-C stops all ranks", async () => {
  const child = command(["--ranks", "2", PROGRAM, "wait"]).spawn();
  const stdout = await untilAllSay("pid", child.stdout, 2);
  child.kill("SIGINT");
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  equal(code, 130, stderr);
  match(stderr, /interrupted: all ranks are stopped/);
  await requireGone(stdout);
});

Deno.test("wrong arguments print a clear error and start nothing", async () => {
  const cases: [string[], RegExp][] = [
    [[PROGRAM], /required option '--ranks <number>' not specified/],
    [["--ranks", "0", PROGRAM], /A positive integer is needed/],
    [["--ranks", "two", PROGRAM], /A positive integer is needed/],
    [["--ranks", "2", "--master-port", "70000", PROGRAM], /at most 65535/],
    [["--ranks", "2", "--master-port", "0", PROGRAM], /A positive integer is needed/],
    [["--ranks", "2", "--interface", "eth99", PROGRAM], /no network interface eth99: it has lo/],
    [
      ["--ranks", "2", "--interface", "lo", "--bind", "127.0.0.1", PROGRAM],
      /'--bind <address>' cannot be used with option '--interface/,
    ],
    [["--ranks", "2", "--ports", "5-1", PROGRAM], /range of ports such as 29500-29599/],
    [["--ranks", "2", "--same-host", "ipx", PROGRAM], /Allowed choices are unix, tcp/],
    [["--ranks", "2", "--node", "-1", PROGRAM], /whole number/],
    [["--ranks", "2", "--nodes", "2", "--node", "2", PROGRAM], /Node 2 is out of range/],
    [["--ranks", "2", "--nodes", "2", PROGRAM], /several nodes needs rank 0's address and port/],
    [["--ranks", "2"], /missing required argument 'script'/],
    [["--ranks", "2", "--nonsense", PROGRAM], /unknown option '--nonsense'/],
  ];
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await launch(args);
    equal(code, 2, stderr);
    match(stderr, expected);
    doesNotMatch(stderr, /\n\s+at /, "a stack says nothing to who has mistyped");
    equal(stdout, "");
  }
});

Deno.test("a program that does not exist is named, and is not reported as a wrong argument of the launcher", async () => {
  const { code, stderr } = await launch(["--ranks", "2", "no_such_program.ts"]);
  equal(code, 1);
  match(stderr, /no_such_program\.ts/);
});

Deno.test("ranks whose launcher is killed exit within seconds, idle or waiting for each other", async () => {
  const port = String(freePort());
  // With half of the ranks missing, the others wait for them to join.
  const half = ["--nodes", "2", "--master-addr", "127.0.0.1", "--master-port", port];
  for (const job of [[], half]) {
    const options = ["--ranks", "2", ...job, PROGRAM, "wait"];
    const child = command(options, { MESHFACTOR_SECRET: SECRET }).spawn();
    const stdout = await untilAllSay("pid", child.stdout, 2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill("SIGKILL");
    equal((await child.status).signal, "SIGKILL");
    await child.stderr.cancel();
    await requireGone(stdout);
  }
});

Deno.test("a weak secret is a wrong argument, and no rank is started", async () => {
  const { code, stdout, stderr } = await launch(["--ranks", "2", PROGRAM, "sum"], {
    MESHFACTOR_SECRET: "s3cret",
  });
  equal(code, 2);
  match(stderr, /^error: The job's secret has 6 letters and digits, but at least 22 are needed/);
  equal(stdout, "");
});

Deno.test("--help explains the options", async () => {
  const { code, stdout } = await launch(["--help"]);
  equal(code, 0);
  match(stdout, /--ranks <number>\s+number of ranks to start/);
});

function command(args: readonly string[], env: Record<string, string> = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", "--config", CONFIG, LAUNCHER, ...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function launch(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await command(args, env).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** What was printed until this many lines contain `word`. */
async function untilAllSay(
  word: string,
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  numLines: number,
): Promise<string> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split(word).length <= numLines) {
    const { value, done } = await reader.read();
    ok(!done, "the ranks ended before they were asked to");
    text += value;
  }
  await reader.cancel();
  return text;
}

/** Asserts that no process whose id a rank has printed is left after a few seconds. */
async function requireGone(stdout: string): Promise<void> {
  const pids = [...stdout.matchAll(/pid (\d+)/g)].map(([, pid]) => pid);
  ok(pids.length > 0, "the ranks printed their process ids");
  for (const pid of pids) {
    for (const begin = performance.now(); await isLeft(pid);) {
      ok(performance.now() - begin < 5000, `process ${pid} is left`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function isLeft(pid: string): Promise<boolean> {
  return (await new Deno.Command("kill", { args: ["-0", pid], stderr: "null" }).output()).success;
}
