// The launcher: prefixes, arguments, logs, and the first failure last.

import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { pinned } from "../../src/distributed/launcher/cores.ts";
import { freePort } from "../../src/distributed/launcher/free_port.ts";
import {
  command,
  CONFIG,
  launch,
  PROGRAM,
  requireGone,
  SECRET,
  untilAllSay,
} from "../support/cli/launch_command.ts";
import { withFolder } from "../support/temporary_folder.ts";

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
    [["--ranks", "2", "--grace", "-1", PROGRAM], /number of seconds from 0 to 2147483/],
    // Timers of that length would ring at once, and kill ranks that save.
    [["--ranks", "2", "--grace", "2592000", PROGRAM], /number of seconds from 0 to 2147483/],
    [["--ranks", "2", "--last-call", "1e9", PROGRAM], /number of seconds from 0 to 2147483/],
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
