// Trainings that are killed and go on: N steps in one go, and k steps, kill -9, and the rest after --resume, write the same log but for
// times, and save a model of the same bits. On another mesh losses are those of one go within 1e-5.

import assert from "node:assert/strict";
import { command, flagsFor, train } from "../support/cli/train_command.ts";
import { type SmallFiles, withSmallFiles } from "../support/train/small_gpt2.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { stepsIn } from "../support/temporary_folder.ts";

const STEPS = 12;

interface Case {
  readonly flags: readonly string[];
  readonly ranks?: number;
}

const CASES: Readonly<Record<string, Case>> = {
  "f32 with a linear schedule and warm-up": { flags: ["--schedule", "linear", "--warmup", "3"] },
  "bf16 with master weights, a cosine and dropout": {
    flags: ["--dtype", "bf16", "--master-weights", "--schedule", "cosine", "--dropout", "0.1"],
  },
  "bf16 with stochastic rounding and accumulation": {
    flags: ["--dtype", "bf16", "--rounding", "stochastic", "--accumulate", "2"],
  },
  "f16 with an inverse square root": {
    flags: ["--dtype", "f16", "--master-weights", "--schedule", "inverse-sqrt", "--warmup", "4"],
  },
  "CAME with accumulation": { flags: ["--algorithm", "came", "--accumulate", "2"] },
  "AdamW in bf16 with a cosine": {
    flags: ["--algorithm", "adamw", "--lr", "0.01", "--dtype", "bf16", "--schedule", "cosine"],
  },
  "frozen parameters on tensor 2 x ZeRO 2": {
    flags: ["--tensor", "2", "--zero", "2", "--freeze", "transformer.wte.*", "*.bias"],
    ranks: 4,
  },
  "tensor 2 x ZeRO 2, stage 2": {
    flags: ["--tensor", "2", "--zero", "2", "--zero-stage", "2", "--dropout", "0.1"],
    ranks: 4,
  },
};

for (const [what, { flags, ranks = 1 }] of Object.entries(CASES)) {
  Deno.test(`a training of ${what} that is killed goes on with the same log and the same bits`, async () => {
    await withSmallFiles(async (files) => {
      const all = [...trainingFlags(files), ...flags];
      const whole = await trainTo(`${files.folder}/whole`, all, ranks);
      const killed = `${files.folder}/killed`;
      const checkpoints = checkpointsIn(killed);
      const flagsOfKilled = [...all, ...outputs(killed), ...checkpoints];
      await killAfter(9, flagsOfKilled, { folder: killed, ranks });
      const resumed = await trainTo(killed, [...all, ...checkpoints, "--resume"], ranks);
      const { step } = resumed.log.find(({ kind }) => kind === "resumed")!;
      assert.ok([4, 8].includes(step as number), `it went on from step ${step}`);
      assert.deepEqual(comparable(resumed.log), comparable(whole.log));
      assertSameBits(resumed.weights, whole.weights);
    });
  });
}

// A sum that differs in its last bit may round a bf16 weight to its other neighbour, 0.4 % away; and where gradients are rounding errors
// alone, as those of the biases of keys, Adafactor makes whole steps of them.
for (
  const { name, flags, meshes, tolerance } of [
    { name: "f32", flags: [], meshes: [[1, []], [3, ["--tensor", "3"]]], tolerance: 1e-4 },
    {
      name: "bf16 with master weights",
      flags: ["--dtype", "bf16", "--master-weights"],
      meshes: [[1, []], [3, ["--tensor", "3"]], [3, []], [4, []]],
      tolerance: 1e-4,
    },
  ] as const
) {
  Deno.test(`a checkpoint of tensor 2 x ZeRO 2 in ${name} goes on on other meshes with the losses of one go`, async () => {
    await withSmallFiles(async (files) => {
      const all = [...trainingFlags(files), ...flags];
      const mesh = ["--tensor", "2", "--zero", "2", "--zero-stage", "2"];
      const whole = await trainTo(`${files.folder}/whole`, [...all, ...mesh], 4);
      const killed = `${files.folder}/killed`;
      const flagsOfKilled = [...all, ...mesh, ...outputs(killed), ...checkpointsIn(killed)];
      await killAfter(9, flagsOfKilled, { folder: killed, ranks: 4 });
      for (const [ranks, other] of meshes) {
        const copy = `${files.folder}/copy-${ranks}-${other.join("")}`;
        await copyFolder(killed, copy);
        const more = [...other, ...checkpointsIn(copy), "--resume"];
        const resumed = await trainTo(copy, [...all, ...more], ranks);
        const [losses, expected] = [resumed.log, whole.log].map(lossesIn);
        assert.equal(losses.length, expected.length);
        for (const [k, loss] of losses.entries()) {
          const difference = Math.abs(loss / expected[k] - 1);
          assert.ok(difference <= tolerance, `${k}: ${loss} and ${expected[k]}`);
        }
      }
    });
  });
}

Deno.test("a training that is killed again and again, at any moment, goes on to the log and the bits of one go", async () => {
  await withSmallFiles(async (files) => {
    const all = [...trainingFlags(files), "--steps", "300", "--eval", "70", "--dropout", "0.1"];
    const whole = await trainTo(`${files.folder}/whole`, all, 1);
    const killed = `${files.folder}/killed`;
    await Deno.mkdir(killed);
    const flags = [...all, ...outputs(killed), ...checkpointsIn(killed), "--resume"];
    const reached: number[] = [];
    for (let delayMs = 5; reached.length < 12; delayMs += 15) {
      const child = command([...flags, "--checkpoint-every", "1"]).spawn();
      const ended = Promise.all([child.status, child.stdout.cancel(), child.stderr.cancel()]);
      // The log grows when training is under way.
      const sizeOf = async () => (await Deno.stat(`${killed}/log`).catch(() => ({ size: 0 }))).size;
      const size = await sizeOf();
      while (await sizeOf() === size) await new Promise((resolve) => setTimeout(resolve, 1));
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      child.kill("SIGKILL");
      await ended;
      reached.push(Math.max(0, ...await stepsIn(`${killed}/checkpoints`)));
    }
    assert.ok(reached.at(-1)! > 0, "it came on between kills");
    assert.deepEqual(reached, reached.toSorted((a, b) => a - b), "nothing published is lost");
    const more = [...checkpointsIn(killed), "--resume"];
    const resumed = await trainTo(killed, [...all, ...more], 1);
    assert.deepEqual(comparable(resumed.log), comparable(whole.log));
    assertSameBits(resumed.weights, whole.weights);
  });
});

function trainingFlags(files: SmallFiles): string[] {
  return [...flagsFor(files), "--schedule", "constant", "--batch", "4", "--eval", "3"]
    .concat(["--steps", String(STEPS)]);
}

function checkpointsIn(folder: string): string[] {
  return ["--checkpoints", `${folder}/checkpoints`, "--checkpoint-every", "4"];
}

function outputs(folder: string): string[] {
  return ["--log", `${folder}/log`, "--save", `${folder}/trained`];
}

type Line = Record<string, unknown> & { readonly kind: string };

async function trainTo(folder: string, flags: readonly string[], ranks: number) {
  await Deno.mkdir(folder, { recursive: true });
  const { code, stderr } = await train([...flags, ...outputs(folder)], ranks);
  assert.equal(code, 0, stderr);
  return {
    log: await linesOf(`${folder}/log`),
    weights: await Deno.readFile(`${folder}/trained/model.safetensors`),
  };
}

/**
 * Starts a training that writes into `folder` and kills its ranks, all at once, when the log has the line of a step. Where the machine
 * is so busy that the last step's checkpoint is there already, it begins anew.
 */
async function killAfter(
  step: number,
  flags: readonly string[],
  { folder, ranks }: { readonly folder: string; readonly ranks: number },
): Promise<void> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    await Deno.mkdir(folder, { recursive: true });
    const child = command([...flags, "--sample-tokens", "4000"], ranks).spawn();
    const ended = Promise.all([child.status, child.stdout.cancel(), child.stderr.cancel()]);
    while (!(await linesOf(`${folder}/log`)).some((line) => isStep(line, step))) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (const pid of [...await childrenOf(child.pid), child.pid]) killIfRunning(pid);
    await ended;
    if (Math.max(...await stepsIn(`${folder}/checkpoints`)) < STEPS) return;
    await Deno.remove(folder, { recursive: true });
  }
  assert.fail("Five times the training ended before it was killed");
}

function isStep(line: Record<string, unknown>, step: number): boolean {
  return line.kind === "step" && line.step === step;
}

function killIfRunning(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    // The launcher's death may have ended it.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "pid=", "--ppid", String(pid)] })
    .output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line.trim() !== "")
    .map(Number);
}

async function linesOf(path: string): Promise<Line[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** All lines but those that only one of the trainings has, without times, memory and paths. */
function comparable(lines: readonly Line[]): unknown[] {
  return lines.filter(({ kind }) => !["resumed", "warning"].includes(kind)).map((line) => ({
    ...line,
    time: undefined,
    tokensPerSecond: undefined,
    memory: undefined,
    folder: undefined,
    flags: undefined,
  }));
}

function lossesIn(lines: readonly Line[]): number[] {
  return lines.flatMap(({ loss }) => typeof loss === "number" ? [loss] : []);
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
