// The launcher: prefixes, arguments, the first failure last, and no rank left behind.

import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { pinned } from "../../src/distributed/launcher/cores.ts";
import { freePort } from "../../src/distributed/launcher/free_port.ts";
import { withFolder } from "../support/temporary_folder.ts";

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
  const integrity = ["--integrity", "checksum"];
  const runs = await Promise.all(
    ["0", "1"].map((node) =>
      launch([...job, ...options, ...integrity, "--node", node, PROGRAM, "sum"], {
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
  const options = ["--ranks", "2", "--grace", "1", PROGRAM, "ignore-sigterm"];
  const { code, stdout } = await launch(options);
  equal(code, 7);
  ok(performance.now() - began < 20_000);
  await requireGone(stdout);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
  Deno.test(`${signal} stops all ranks, which are told how long they have`, async () => {
    const child = command(["--ranks", "2", "--grace", "7", PROGRAM, "wait"]).spawn();
    const stdout = await untilAllSay("pid", child.stdout, 2);
    child.kill(signal);
    const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
    equal(code, 130, stderr);
    match(stderr, new RegExp(`^${signal}: stopping all ranks, which have 7 s to save`, "m"));
    match(stderr, /interrupted: all ranks are stopped/);
    await requireGone(stdout);
  });
}

Deno.test("a rank that still saves at the end of the grace is killed, with what it said last and exit code 137", async () => {
  const child = command(["--ranks", "2", "--grace", "0.5", PROGRAM, "save-slowly"]).spawn();
  const stdout = await untilAllSay("saves", child.stdout, 2);
  child.kill("SIGTERM");
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  equal(code, 137, stderr);
  match(stderr, /ranks 0, 1 had not ended 0\.5 s after SIGTERM .* what was not saved .* is lost/);
  match(stderr, /Last said:\n\[rank 0\] saving the model\n\[rank 1\] saving the model\n$/);
  await requireGone(stdout);
});

Deno.test("Ctrl-C a second later ends ranks at once", async () => {
  const child = command(["--ranks", "2", PROGRAM, "save-slowly"]).spawn();
  const stdout = await untilAllSay("saves", child.stdout, 2);
  child.kill("SIGINT");
  const again = setTimeout(() => child.kill("SIGINT"), 1500);
  const begin = performance.now();
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  clearTimeout(again);
  equal(code, 137, stderr);
  ok(performance.now() - begin < 10_000, "the grace is 30 s");
  match(stderr, /ranks 0, 1 were killed: what was not saved by then is lost/);
  await requireGone(stdout);
});

Deno.test("a rank that ends as it was stopped stops all, and is no failure", async () => {
  const child = command(["--ranks", "2", PROGRAM, "stop-one"]).spawn();
  const stdout = await untilAllSay("ready", child.stdout, 2);
  const [, pid] = /\[rank 1\] pid (\d+)/.exec(stdout) ?? [];
  Deno.kill(Number(pid), "SIGTERM");
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  equal(code, 130, stderr);
  doesNotMatch(stderr, /failed/);
  await requireGone(stdout);
});

Deno.test("a process that holds a rank's pipes is not waited for, and the rank that failed first is named", async () => {
  const begin = performance.now();
  const { code, stderr } = await launch(["--ranks", "2", PROGRAM, "helper"]);
  equal(code, 3, stderr);
  match(stderr, /rank 1 failed first, with code 3; .* It said:\n\[rank 1\] rank 1 has a helper\n$/);
  ok(performance.now() - begin < 15_000, `it took ${performance.now() - begin} ms`);
});

Deno.test({
  name: "a job that nohup has started goes on when its terminal is closed",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const child = command(["--ranks", "1", PROGRAM, "wait"], {}, { before: ["nohup"] }).spawn();
    await untilAllSay("pid", child.stdout, 1);
    child.kill("SIGHUP");
    await new Promise((resolve) => setTimeout(resolve, 300));
    child.kill("SIGTERM");
    const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
    equal(code, 130);
    match(stderr, /^SIGTERM: stopping all ranks/m);
    doesNotMatch(stderr, /SIGHUP/);
  },
});

Deno.test("the beginning of a line is printed while its end is still to come", async () => {
  const child = command(["--ranks", "2", PROGRAM, "ask"]).spawn();
  await untilAllSay("[rank 0] Continue? ", child.stdout, 1);
  child.kill("SIGTERM");
  const [{ code }] = await Promise.all([child.status, child.stderr.cancel()]);
  equal(code, 130);
});

Deno.test("--log-dir writes the output of each rank into files, and --tee prints it too", async () => {
  await withFolder(async (folder) => {
    const options = ["--ranks", "2", "--log-dir", `${folder}/logs`];
    const alone = await launch([...options, PROGRAM, "sum"]);
    equal(alone.code, 0, alone.stderr);
    equal(alone.stdout, "");
    const both = await launch([...options, "--tee", PROGRAM, "sum"]);
    deepEqual(both.stdout.trimEnd().split("\n").sort(), [
      "[rank 0] sum 3, arguments sum",
      "[rank 1] sum 3, arguments sum",
    ]);
    for (const rank of [0, 1]) {
      const log = await Deno.readTextFile(`${folder}/logs/attempt-0/rank-${rank}/stdout.log`);
      equal(log, "sum 3, arguments sum\n".repeat(2));
    }
    const failed = await launch([...options, PROGRAM, "throw-alone"]);
    match(failed.stderr, /^rank 1 failed first.*It said:\n(.*\n)*.*rank 1 has no data/m);
    match(
      await Deno.readTextFile(`${folder}/logs/attempt-0/rank-1/stderr.log`),
      /rank 1 has no data/,
    );
  });
});

Deno.test("programs in folders with blanks, % and # run with the permission set beside them", async () => {
  await withFolder(async (folder) => {
    const odd = `${folder}/50% of a#b?`;
    await Deno.mkdir(odd);
    const config = { permissions: { train: { read: true, write: true, env: true } } };
    await Deno.writeTextFile(`${odd}/deno.json`, JSON.stringify(config));
    const text = `console.log((await Deno.permissions.query({ name: "net" })).state);`;
    await Deno.writeTextFile(`${odd}/the program%20.ts`, text);
    for (const script of ["the program%20.ts", `${odd}/the program%20.ts`]) {
      const { code, stdout, stderr } = await launch(["--ranks", "1", script], {}, { cwd: odd });
      equal(code, 0, stderr);
      equal(stdout, "[rank 0] prompt\n");
    }
  });
});

Deno.test("wrong arguments print a clear error and start nothing", async () => {
  const cases: [string[], RegExp][] = [
    [[PROGRAM], /--ranks is needed: how many to start/],
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
    [["--ranks", "2", "--nodes", "3:2", PROGRAM], /MIN:MAX/],
    [["--ranks", "2", "--node", "-1", PROGRAM], /whole number/],
    [["--ranks", "2", "--nodes", "2", "--node", "2", PROGRAM], /Node 2 is out of range/],
    [["--ranks", "2", "--nodes", "2", PROGRAM], /several nodes needs rank 0's address and port/],
    [["--ranks", "2", "--grace", "-1", PROGRAM], /number >= 0/],
    [["--ranks", "2", "--tee", PROGRAM], /--tee needs --log-dir/],
    [["--ranks", "2", "--log-dir", CONFIG, PROGRAM], /not a directory|file exists/i],
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

Deno.test("ranks whose launcher is killed exit at once, idle, computing or waiting for each other", async () => {
  const port = String(freePort());
  // With half of the ranks missing, the others wait for them to join.
  const half = ["--nodes", "2", "--master-addr", "127.0.0.1", "--master-port", port];
  for (const [job, what] of [[[], "wait"], [[], "compute"], [half, "wait"]] as const) {
    const options = ["--ranks", "2", ...job, PROGRAM, what];
    const child = command(options, { MESHFACTOR_SECRET: SECRET }).spawn();
    const stdout = await untilAllSay("pid", child.stdout, 2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill("SIGKILL");
    equal((await child.status).signal, "SIGKILL");
    await child.stderr.cancel();
    await requireGone(stdout, 3000);
  }
});

Deno.test({
  name: "a rank that another launcher has started exits at once when its parent is killed",
  ignore: Deno.build.os === "windows",
  async fn() {
    const master = { MASTER_ADDR: "127.0.0.1", MASTER_PORT: String(freePort()) };
    const sets = [
      { RANK: "0", WORLD_SIZE: "2", TORCHELASTIC_RUN_ID: "none" },
      { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "2" },
    ];
    for (const set of sets) {
      const run = `'${Deno.execPath()}' run --quiet -P=train --config '${CONFIG}' ${PROGRAM} wait`;
      const parent = new Deno.Command("sh", {
        // With a command after it, the shell does not become the program itself.
        args: ["-c", `${run}; true`],
        env: { ...master, ...set, MESHFACTOR_SECRET: SECRET },
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const stdout = await untilAllSay("pid", parent.stdout, 1);
      await new Promise((resolve) => setTimeout(resolve, 500));
      parent.kill("SIGKILL");
      await parent.status;
      await requireGone(stdout, 3000);
    }
  },
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

function command(
  args: readonly string[],
  env: Record<string, string> = {},
  { cwd = Deno.cwd(), before = [] }: { readonly cwd?: string; readonly before?: string[] } = {},
): Deno.Command {
  const [start, ...prefix] = [...before, Deno.execPath()];
  return new Deno.Command(start, {
    args: [...prefix, "run", "--quiet", "-P=train", "--config", CONFIG, LAUNCHER, ...args],
    env,
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function launch(
  args: readonly string[],
  env: Record<string, string> = {},
  place: { readonly cwd?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await command(args, env, place).output();
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
async function requireGone(stdout: string, withinMs = 5000): Promise<void> {
  const pids = [...stdout.matchAll(/pid (\d+)/g)].map(([, pid]) => pid);
  ok(pids.length > 0, "the ranks printed their process ids");
  for (const pid of pids) {
    for (const begin = performance.now(); await isLeft(pid);) {
      ok(performance.now() - begin < withinMs, `process ${pid} is left`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function isLeft(pid: string): Promise<boolean> {
  return (await new Deno.Command("kill", { args: ["-0", pid], stderr: "null" }).output()).success;
}
