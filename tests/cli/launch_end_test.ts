// The end of ranks: signals, the grace, helpers that hold pipes, and launchers that are killed. No rank is left behind.

import { doesNotMatch, equal, match, ok } from "node:assert/strict";
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
