// The data of the training command: standard input, records with texts, other data for evaluations, and what is left out.

import assert from "node:assert/strict";
import { commandLine, messagesIn, train } from "../support/cli/train_command.ts";
import { type SmallFiles, smallText, withSmallFiles } from "../support/train/small_gpt2.ts";

function flagsFor({ model }: SmallFiles, ...flags: string[]): string[] {
  return [
    ...["--model", model, "--tokenizer", "bytes", "--context", "15", "--steps", "2"],
    ...flags,
  ];
}

/** The fields of the log's first line. */
function startOf(stdout: string): Readonly<Record<string, unknown>> {
  return messagesIn(stdout)[0] as unknown as Readonly<Record<string, unknown>>;
}

Deno.test("--data - reads standard input", async () => {
  await withSmallFiles(async (files) => {
    const { program, args } = commandLine(flagsFor(files, "--data", "-"), 1);
    const command = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    const child = command.spawn();
    const [output] = await Promise.all([
      child.output(),
      new Blob([smallText()]).stream().pipeTo(child.stdin),
    ]);
    const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) =>
      new TextDecoder().decode(bytes)
    );
    assert.equal(output.code, 0, stderr);
    const { trainTokens, heldOutTokens } = startOf(stdout);
    assert.deepEqual([trainTokens, heldOutTokens], [5121, 570]);
  });
});

Deno.test("texts of JSON Lines are trained on, and --eval-data is evaluated on instead of a tenth", async () => {
  await withSmallFiles(async (files) => {
    const lines = ["one text of a file", "and another"].map((text) => JSON.stringify({ text }));
    const data = `${files.folder}/texts.jsonl`;
    await Deno.writeTextFile(data, `${lines.join("\n")}\n`);
    const flags = flagsFor(files, "--data", data, "--eval-data", files.data);
    const { code, stdout, stderr } = await train(flags);
    assert.equal(code, 0, stderr);
    const { trainTokens, heldOutTokens } = startOf(stdout);
    assert.deepEqual([trainTokens, heldOutTokens], [29, smallText().length]);
  });
});

Deno.test("files that are left out are named at the start, with the reason", async () => {
  await withSmallFiles(async (files) => {
    const folder = `${files.folder}/texts`;
    await Deno.mkdir(`${folder}/target`, { recursive: true });
    await Deno.writeFile(`${folder}/target/text.txt`, smallText());
    await Deno.writeFile(`${folder}/picture`, Uint8Array.of(1, 0, 2, 0));
    const log = `${files.folder}/log`;
    const { code, stdout, stderr } = await train(flagsFor(files, "--data", folder, "--log", log));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /text of 1 file, in windows of 15 tokens/);
    assert.match(stdout, /1 left out \(.*\): .*picture/);
  });
});

Deno.test("text that is not UTF-8 is refused with its place, before training", async () => {
  await withSmallFiles(async (files) => {
    const data = `${files.folder}/latin1.txt`;
    await Deno.writeFile(data, Uint8Array.of(...smallText().subarray(0, 20), 0xe9, 0x20));
    const tokenizer = ["--tokenizer", "bytes"];
    const { code, stderr, stdout } = await train(flagsFor(files, "--data", data, ...tokenizer));
    assert.equal(code, 2);
    assert.match(stderr, /^error: .*latin1\.txt.* byte 2[01].*iconv/m);
    assert.equal(stdout, "");
  });
});
