// Signals end a training after its step, with everything saved: whichever of four, whoever gets them, in every phase.
//
// MESHFACTOR_SIGNALS=all runs the whole matrix, 112 trainings; without it a sample of it runs.

import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Decoder } from "../../src/models/decoder.ts";
import {
  outputsIn,
  type Phase,
  signalledTraining,
  type Target,
} from "../support/cli/signalled_training.ts";
import { commandLine, flagsFor } from "../support/cli/train_command.ts";
import { namesIn, stepsIn } from "../support/temporary_folder.ts";
import { withSmallFiles } from "../support/train/small_gpt2.ts";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const;
const TARGETS: readonly Target[] = ["launcher", "rank 0", "rank 1", "group"];
const PHASES: readonly Phase[] = [
  "start",
  "loading",
  "first step",
  "steps",
  "evaluation",
  "checkpoint",
  "saving",
];
type Case = readonly [signal: Deno.Signal, target: Target, phase: Phase];
const SAMPLE: readonly Case[] = [
  ["SIGINT", "rank 0", "loading"],
  ["SIGTERM", "launcher", "steps"],
  ["SIGHUP", "rank 1", "evaluation"],
  ["SIGQUIT", "group", "checkpoint"],
  ["SIGINT", "group", "saving"],
];
const CASES = Deno.env.get("MESHFACTOR_SIGNALS") === "all"
  ? SIGNALS.flatMap((signal) =>
    TARGETS.flatMap((target) => PHASES.map((phase): Case => [signal, target, phase]))
  )
  : SAMPLE;

for (const [signal, target, phase] of CASES) {
  Deno.test({
    name:
      `${signal} to the ${target} ends a training (${phase}) with all saved that is to be saved`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await withSmallFiles(async (files) => {
        const { code, stdout, stderr, tookMs, left } = await signalledTraining(files, {
          signal,
          target,
          phase,
        });
        const said = `${code} after ${tookMs} ms\n${stdout}\n${stderr}`;
        assert.deepEqual(left, [], said);
        assert.ok(tookMs < 40_000, said);
        assert.doesNotMatch(stderr, /failed first|killed|Uncaught|PeerLostError/, said);
        const { trained, checkpoints } = outputsIn(files.folder);
        assert.deepEqual(
          (await namesIn(files.folder)).filter((name) => name.includes(".saving-")),
          [],
          said,
        );
        if (phase === "start" || phase === "loading") {
          assert.equal(code, 130, said);
          assert.equal((await namesIn(files.folder)).includes("trained"), false, said);
          return;
        }
        using device = wasmDevice();
        using _model = await loadPretrained(device, trained, { model: Decoder });
        if (phase === "saving") return assert.ok(code === 0 || code === 130, said);
        assert.equal(code, 130, said);
        const last = /"kind":"stopped","step":(\d+)/.exec(stdout)?.[1];
        assert.equal((await stepsIn(checkpoints)).at(-1), Number(last), said);
        const steps = [...stdout.matchAll(/"kind":"step","step":(\d+)/g)];
        assert.equal(steps.at(-1)?.[1], last, "no step was taken after that");
      }, { heads: 12 });
    },
  });
}

Deno.test({
  name:
    "a training in a terminal that is closed ends after its step and saves, although nobody can read what it says",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await withSmallFiles(async (files) => {
      const { trained } = outputsIn(files.folder);
      const log = `${files.folder}/log`;
      const flags = [...flagsFor(files), "--steps", "1000000", "--save", trained, "--log", log];
      const { program, args } = commandLine(flags);
      const line = [program, ...args].map((each) => `'${each}'`).join(" ");
      const terminal = new Deno.Command("script", {
        args: ["--quiet", "--command", `exec ${line}`, "/dev/null"],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      const textOf = () => Deno.readTextFile(log).catch(() => "");
      const until = async (what: string) => {
        for (const begin = performance.now(); !(await textOf()).includes(what);) {
          assert.ok(performance.now() - begin < 30_000, `no ${what} in ${await textOf()}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      await until('"kind":"step","step":3,');
      terminal.kill("SIGKILL");
      await terminal.status;
      await until('"kind":"stopped"');
      using device = wasmDevice();
      using _model = await loadPretrained(device, trained, { model: Decoder });
    });
  },
});
