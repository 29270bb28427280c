// A model that was trained here and written by savePretrained() loads in transformers, which computes the same logits.
//
// MESHFACTOR_PYTHON names a Python that has torch, transformers and safetensors, by default python3; without one, these tests are
// skipped with a message.

import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { goldenModels } from "../support/goldens.ts";
import { Golden } from "../support/models/golden_model.ts";
import { familyRuns } from "../support/models/golden_runs.ts";

const PYTHON = Deno.env.get("MESHFACTOR_PYTHON") ?? "python3";
const SCRIPT = new URL("./programs/logits_in_transformers.py", import.meta.url).pathname;

const missing = await hasTransformers() ? undefined : `no transformers in ${PYTHON}`;
const name = "models of every family, trained and saved here, are the same in transformers";

if (missing !== undefined) {
  Deno.test.ignore(`${name} [skipped: ${missing}]`, () => {});
} else {
  Deno.test(name, async (test) => {
    const folder = await Deno.makeTempDir();
    try {
      const trained = new Map<string, Trained>();
      for (const family of Object.keys(familyRuns)) {
        trained.set(family, await train(family, `${folder}/${family}`));
      }
      const there = await logitsInTransformers(
        [...trained.keys()].flatMap((family) => [
          `${folder}/${family}`,
          `${goldenModels}/${family}/expected.safetensors`,
        ]),
      );
      assert.equal(there.length, trained.size);
      for (const [index, [family, { before, after }]] of [...trained].entries()) {
        await test.step(family, () => {
          assert.equal(there[index].length, after.length);
          const largest = (value: (k: number) => number) =>
            after.reduce((most, _, k) => Math.max(most, Math.abs(value(k))), 0);
          const allowed = 1e-4 * largest((k) => after[k]);
          assert.ok(largest((k) => there[index][k] - after[k]) <= allowed);
          assert.ok(largest((k) => before[k] - after[k]) > 10 * allowed, "nothing was trained");
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Logits before and after a step. */
interface Trained {
  readonly before: Float32Array;
  readonly after: Float32Array;
}

/** Trains the golden's model for a step and saves it. */
async function train(family: string, saved: string): Promise<Trained> {
  const folder = `${goldenModels}/${family}`;
  const run = familyRuns[family];
  using device = wasmDevice();
  using golden = await Golden.open(device, folder);
  using model = await loadPretrained(device, folder, { model: run.model });
  using optim = new Adafactor(model.parameters(), { lr: 0.01, missingGradients: "skip" });
  const logits = await run.logits(model, golden);
  const before = await logits.data();
  using loss = await run.loss(logits, golden, model);
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
  using stepped = await run.logits(model, golden);
  await savePretrained(model, saved);
  return { before, after: await stepped.data() };
}

async function hasTransformers(): Promise<boolean> {
  try {
    const args = ["-c", "import torch, transformers, safetensors"];
    const { success } = await new Deno.Command(PYTHON, { args, stdout: "null", stderr: "null" })
      .output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A line for each folder and its expected.safetensors. */
async function logitsInTransformers(pairs: readonly string[]): Promise<number[][]> {
  const { success, stdout, stderr } = await new Deno.Command(PYTHON, {
    args: [SCRIPT, ...pairs],
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}
