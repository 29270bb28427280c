// Jobs that begin again after a rank was lost: attempts and their logs, and trainings whose ranks are killed again and again.
//
// MESHFACTOR_KILLS=9 kills a rank every 20 s for 3 minutes; without it, two are killed within seconds.

import assert from "node:assert/strict";
import { childrenOf, sendSignal } from "../support/cli/processes.ts";
import { flagsFor } from "../support/cli/train_command.ts";
import { withFolder } from "../support/temporary_folder.ts";
import { withSmallFiles } from "../support/train/small_gpt2.ts";

const LAUNCH = new URL("../../src/cli/launch.ts", import.meta.url).href;
const TRAIN = new URL("../../src/cli/train.ts", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const PROGRAM = new URL("../support/cli/launched_program.ts", import.meta.url).href;

Deno.test("a lost rank ends an attempt, all ranks begin again, and each attempt has logs of its own", async () => {
  await withFolder(async (folder) => {
    const options = ["--max-restarts", "3", "--log-dir", folder];
    const { code, stderr } = await launch([...options, PROGRAM, "fail-until", "1"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      stderr.trimEnd().split("\n").map((line) => line.replace(/after [\d.]+ s/, "after T")),
      [
        "attempt 1 of 4 has ended after T: rank 1 failed first, with code 1; the next begins in 1 s",
      ],
    );
    for (const attempt of [0, 1]) {
      const log = await Deno.readTextFile(`${folder}/attempt-${attempt}/rank-0/stdout.log`);
      assert.match(log, new RegExp(`^restart ${attempt} ${attempt} of 3$`, "m"));
    }
  });
});

Deno.test("a rank that fails the same way three times at once ends the job with its error", async () => {
  const { code, stderr } = await launch(["--max-restarts", "9", PROGRAM, "fail-until", "99"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /attempt 3 of 10 .*; no other is made, as it has failed the same way 3 times/,
  );
  assert.match(stderr, /rank 1 failed first, with code 1.*It said:\n(.*\n)*.*has lost its disk/);
});

Deno.test("Ctrl-C between two attempts ends the job", async () => {
  const child = launcher(["--max-restarts", "9", PROGRAM, "fail-until", "99"]).spawn();
  let stderr = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    if (!stderr.includes("begins in 2 s") && (stderr + text).includes("begins in 2 s")) {
      child.kill("SIGINT");
    }
    stderr += text;
  }
  const [{ code }] = await Promise.all([child.status, child.stdout.cancel()]);
  assert.equal(code, 130, stderr);
  assert.doesNotMatch(stderr, /attempt 3/);
});

const NUM_KILLS = Number(Deno.env.get("MESHFACTOR_KILLS") || 2);
const FULL = NUM_KILLS > 2;

Deno.test({
  name:
    "a training whose ranks are killed again and again ends with the bits and the log of one that is left alone",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await withSmallFiles(async (files) => {
      const ranks = FULL ? 4 : 2;
      const steps = FULL ? 20_000 : 100;
      const flagsOf = (name: string) => [
        ...["--max-restarts", String(NUM_KILLS), TRAIN, ...flagsFor(files)],
        ...[
          "--steps",
          String(steps),
          "--batch",
          FULL ? "8" : "3",
          "--eval",
          "50",
          "--dropout",
          "0.1",
        ],
        ...(FULL ? ["--tensor", "2", "--zero", "2", "--zero-stage", "2"] : []),
        ...["--checkpoints", `${files.folder}/${name}/run`, "--checkpoint-every", "10"],
        ...["--save", `${files.folder}/${name}/model`, "--log", `${files.folder}/${name}/log`],
      ];
      for (const name of ["killed", "whole"]) await Deno.mkdir(`${files.folder}/${name}`);
      const child = launcher(flagsOf("killed"), ranks).spawn();
      let hasEnded = false;
      const ended = Promise.all([
        child.status.finally(() => hasEnded = true),
        new Response(child.stderr).text(),
        child.stdout.cancel(),
      ]);
      const log = `${files.folder}/killed/log`;
      for (let kill = 0; kill < NUM_KILLS && !hasEnded; kill++) {
        const before = await sizeOf(log);
        while (await sizeOf(log) === before && !hasEnded) await pause(2);
        await pause(FULL ? 20_000 : 200 * Math.random());
        const pids = await childrenOf(child.pid);
        if (!hasEnded) await sendSignal("SIGKILL", pids[Math.floor(Math.random() * pids.length)]);
      }
      const hasEndedEarly = hasEnded;
      const [{ code }, stderr] = await ended;
      assert.equal(hasEndedEarly, false, `it ended before all were killed: ${stderr}`);
      assert.equal(code, 0, stderr);
      const lost = [...stderr.matchAll(/rank \d failed first, with SIGKILL; the next begins/g)];
      assert.equal(lost.length, NUM_KILLS, stderr);
      const whole = await launch(flagsOf("whole"), ranks);
      assert.equal(whole.code, 0, whole.stderr);
      const [one, other] = await Promise.all(["killed", "whole"].map(async (name) => ({
        weights: await Deno.readFile(`${files.folder}/${name}/model/model.safetensors`),
        log: comparable(await Deno.readTextFile(`${files.folder}/${name}/log`)),
      })));
      assert.deepEqual(one.weights, other.weights);
      assert.deepEqual(one.log, other.log);
    });
  },
});

/** The lines of a log without what may differ. */
function comparable(log: string): unknown[] {
  return log.trimEnd().split("\n").map((line) => JSON.parse(line))
    .filter(({ kind }) => ["step", "evaluation", "sample"].includes(kind))
    .map((line) => ({
      ...line,
      time: undefined,
      tokensPerSecond: undefined,
      memory: undefined,
      bytesSent: undefined,
    }));
}

async function sizeOf(path: string): Promise<number> {
  return (await Deno.stat(path).catch(() => ({ size: 0 }))).size;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function launcher(args: readonly string[], ranks = 2): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", "--config", CONFIG, LAUNCH]
      .concat(["--ranks", String(ranks), ...args]),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function launch(args: readonly string[], ranks = 2) {
  const { code, stderr } = await launcher(args, ranks).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}
