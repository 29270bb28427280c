import assert from "node:assert/strict";
import { duration } from "../../src/cli/flag_values.ts";
import { flagsFor, messagesIn, train } from "../support/cli/train_command.ts";
import { withSmallFiles } from "../support/train/small_gpt2.ts";

Deno.test("--max-time ends a training on all ranks as its last step would: it evaluates, saves and ends with 0", async () => {
  await withSmallFiles(async (files) => {
    const flags = [...flagsFor(files), "--steps", "1000000", "--max-time", "1s"];
    const { code, stdout, stderr } = await train(
      [...flags, "--save", `${files.folder}/trained`, "--checkpoints", `${files.folder}/run`],
      2,
    );
    assert.equal(code, 0, stderr);
    const messages = messagesIn(stdout).filter(({ kind }) => kind !== "step");
    assert.equal(
      messages.map(({ kind }) => kind).join(" "),
      "start evaluation evaluation sample saved stopped",
    );
    const [, , last, , , stopped] = messages;
    assert.ok(stopped.kind === "stopped" && last.kind === "evaluation");
    assert.equal(stopped.reason, "--max-time is over");
    assert.ok(stopped.step > 0 && stopped.step < 1000000 && last.step === stopped.step);
    assert.ok((await Deno.stat(`${files.folder}/trained/model.safetensors`)).isFile);
    const checkpoint = `step-${String(stopped.step).padStart(8, "0")}`;
    assert.ok((await Deno.stat(`${files.folder}/run/${checkpoint}`)).isDirectory);
  });
});

Deno.test("durations are sums of hours, minutes and seconds", () => {
  const given = ["90s", "30m", "2h", "1h30m", "1.5h", "1h2m3s", " 5m "];
  assert.deepEqual(given.map(duration), [90, 1800, 7200, 5400, 5400, 3723, 300]);
  for (const wrong of ["", "30", "0s", "m", "-5m", "5 m", "2d", "1m1h", "Infinitys"]) {
    assert.throws(() => duration(wrong), /It must be a duration, such as 90s, 30m, 2h or 1h30m/);
  }
});
