// Jobs of several hosts, here launchers on one machine, that go on when a host or a rank is lost.

import assert from "node:assert/strict";
import { randomSecret } from "../../src/distributed/wire/secret.ts";
import { freePort } from "../../src/distributed/launcher/free_port.ts";
import { flagsFor } from "../support/cli/train_command.ts";
import { withSmallFiles } from "../support/train/small_gpt2.ts";

const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const LAUNCH = new URL("../../src/cli/launch.ts", import.meta.url).href;
const TRAIN = new URL("../../src/cli/train.ts", import.meta.url).href;

Deno.test("a training on two hosts goes on on one when the other is lost, and loses no more than a checkpoint interval", async () => {
  await withSmallFiles(async (files) => {
    const start = launchersOf(files, "killed");
    const [first, second] = [start("0"), start()];
    const log = `${files.folder}/killed-log`;
    await until(async () => (await textOf(log)).includes('"kind":"step","step":25,'));
    second.child.kill("SIGKILL");
    const [{ code, stderr }] = await Promise.all([first.ended, second.ended]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /attempt 1: 2 hosts, this is host 0 with ranks 0 to 0/);
    assert.match(stderr, /attempt 1 of 4 has ended; the next begins in 1 s/);
    assert.match(stderr, /attempt 2: 1 hosts, this is host 0/);
    const whole = launchersOf(files, "whole");
    const [one, other] = await Promise.all([whole("0").ended, whole().ended]);
    assert.deepEqual([one.code, other.code], [0, 0], one.stderr + other.stderr);
    const [losses, expected] = await Promise.all(
      ["killed", "whole"].map(async (name) =>
        (await textOf(`${files.folder}/${name}-log`)).trimEnd().split("\n")
          .map((line) => JSON.parse(line)).filter(({ kind }) => kind === "step")
          .map(({ step, loss }) => ({ step, loss }))
      ),
    );
    assert.equal(losses.length, 80);
    assert.equal(expected.length, 80);
    for (const [k, { step, loss }] of losses.entries()) {
      assert.equal(step, k + 1);
      assert.ok(Math.abs(loss / expected[k].loss - 1) < 1e-4, `step ${step}: ${loss}`);
    }
    const resumed = /going on after (\d+) steps/.exec(first.text.stdout)?.[1] ??
      /"kind":"resumed","step":(\d+)/.exec(await textOf(log))?.[1];
    assert.ok(Number(resumed) >= 20, `resumed after ${resumed}`);
  });
});

Deno.test("a signal to the launcher of one host stops the job on all, and saves", async () => {
  await withSmallFiles(async (files) => {
    const start = launchersOf(files, "stopped", 100_000);
    const [first, second] = [start("0"), start()];
    await until(async () =>
      (await textOf(`${files.folder}/stopped-log`)).includes('"kind":"step","step":5,')
    );
    second.child.kill("SIGTERM");
    const [one, other] = await Promise.all([first.ended, second.ended]);
    assert.deepEqual([one.code, other.code], [130, 130], one.stderr + other.stderr);
    assert.ok((await Deno.stat(`${files.folder}/stopped/model.safetensors`)).isFile);
  });
});

/** Starts launchers of one job of one rank each. */
function launchersOf(
  files: { readonly model: string; readonly data: string; readonly folder: string },
  name: string,
  steps = 80,
) {
  const [port, secret] = [String(freePort()), randomSecret()];
  return (node?: string) => {
    const text = { stdout: "", stderr: "" };
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-P=train", "--config", CONFIG, LAUNCH]
        .concat(["--nodes", "1:2", "--ranks", "1", "--max-restarts", "3", "--last-call", "3"])
        .concat(["--master-addr", "127.0.0.1", "--master-port", port])
        .concat(node === undefined ? [] : ["--node", node])
        .concat([TRAIN, ...flagsFor(files), "--steps", String(steps), "--batch", "4"])
        .concat(["--checkpoints", `${files.folder}/${name}-run`, "--checkpoint-every", "10"])
        .concat(["--log", `${files.folder}/${name}-log`, "--save", `${files.folder}/${name}`]),
      env: { NO_COLOR: "1", MESHFACTOR_SECRET: secret },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reading = (["stdout", "stderr"] as const).map(async (stream) => {
      for await (const each of child[stream].pipeThrough(new TextDecoderStream())) {
        text[stream] += each;
      }
    });
    const ended = Promise.all([child.status, ...reading]).then(([{ code }]) => ({
      code,
      ...text,
    }));
    return { child, ended, text };
  };
}

async function textOf(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch(() => "");
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  for (const begin = performance.now(); !await isReached();) {
    assert.ok(performance.now() - begin < 60_000, "it takes too long");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
