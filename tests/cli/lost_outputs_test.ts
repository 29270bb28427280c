// A training whose log, stdout or stderr can no longer be written goes on: it warns once, saves its model and ends with 0.

import assert from "node:assert/strict";
import { LastingOutput } from "../../src/cli/report/lasting_output.ts";
import { flagsFor, messagesIn, shellCommand } from "../support/cli/train_command.ts";
import { withSmallFiles } from "../support/train/small_gpt2.ts";

interface Case {
  readonly script: string;
  readonly ranks?: number;
  /** The lines of stderr that are expected. */
  readonly warnings: readonly RegExp[];
}

const STDOUT_LOST =
  /^warning: stdout cannot be written any more \(.*\): training goes on without it$/;

const CASES: Readonly<Record<string, Case>> = {
  "stdout is on a full disk": {
    script: "$COMMAND > /dev/full",
    warnings: [/No space left on device/],
  },
  "nobody reads stdout any more": { script: "$COMMAND | head -1", warnings: [STDOUT_LOST] },
  "stdout is closed": { script: "$COMMAND >&-", warnings: [] },
  "stderr is on a full disk": { script: "$COMMAND 2> /dev/full", warnings: [] },
  "stderr is closed": { script: "$COMMAND 2>&-", warnings: [] },
  "stdout and stderr are on a full disk": { script: "$COMMAND > /dev/full 2>&1", warnings: [] },
  "nobody reads the launcher's stdout any more": {
    script: "$COMMAND | head -1",
    ranks: 2,
    warnings: [/^warning: cannot write to stdout any more \(Broken pipe/],
  },
  "the launcher's stderr is on a full disk": {
    script: "$COMMAND 2> /dev/full",
    ranks: 2,
    warnings: [],
  },
};

for (const [what, { script, ranks = 1, warnings }] of Object.entries(CASES)) {
  Deno.test({
    name: `train.ts goes on and saves the model if ${what}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await withSmallFiles(async (files) => {
        const trained = `${files.folder}/trained`;
        const args = [...flagsFor(files), "--save", trained];
        const { code, stderr } = await shellCommand(script, { args, ranks }).output();
        const lines = new TextDecoder().decode(stderr).split("\n").filter((line) => line !== "");
        assert.equal(code, 0, lines.join("\n"));
        assert.equal(lines.length, warnings.length, lines.join("\n"));
        for (const [k, warning] of warnings.entries()) assert.match(lines[k], warning);
        assert.ok((await Deno.stat(`${trained}/model.safetensors`)).isFile);
      });
    },
  });
}

Deno.test("train.ts goes on if its log and its curve cannot be written, and the log keeps whole lines", async () => {
  await withSmallFiles(async (files) => {
    const log = `${files.folder}/log`;
    const args = [...flagsFor(files), "--log", log, "--curve", `${files.folder}/curve.svg`];
    // A limit of the size of files stands for a full disk; what it signals is ignored, and writes fail.
    const script = `trap "" XFSZ; ulimit -f 2; $COMMAND`;
    const { code, stderr } = await shellCommand(script, { args }).output();
    const lines = new TextDecoder().decode(stderr).trimEnd().split("\n");
    assert.equal(code, 0, lines.join("\n"));
    assert.equal(lines.length, 2, lines.join("\n"));
    assert.match(lines[0], /^warning: the log .* cannot be written any more \(File too large/);
    assert.match(lines[1], /^warning: the curve .* cannot be written \(File too large/);
    const messages = messagesIn(await Deno.readTextFile(log));
    assert.ok(messages.length >= 2 && messages[0].kind === "start");
  });
});

Deno.test("an output that fails reports it once, and takes half a text back", () => {
  const failures: string[] = [];
  let [written, room] = ["", 8];
  const output = new LastingOutput({
    writeSync(bytes) {
      const some = bytes.subarray(0, room);
      if (some.length === 0) throw new Error("no room");
      room -= some.length;
      written += new TextDecoder().decode(some);
      return some.length;
    },
  }, {
    onPartial: () => written = written.slice(0, 5),
    onFailure: (reason) => failures.push(reason),
  });
  for (const text of ["12345", "67890", "more"]) output.write(text);
  assert.equal(written, "12345");
  assert.deepEqual(failures, ["no room"]);
  assert.ok(output.isLost);
});
