// Verifies the documents: TypeScript blocks run, commands exist or run, links and file names lead somewhere.
//
// A TypeScript block is a whole program; "```ts ranks=4" is one for four ranks. Shell blocks are verified against the
// program's options, and those of the train command and the examples are run on a tiny model.

import assert from "node:assert/strict";
import { runDeno, verifyCommand } from "./support/documents/command.ts";
import { argumentsOf } from "./support/documents/command.ts";
import {
  anchorsOf,
  type Block,
  commandsOf,
  namedFiles,
  readDocuments,
  relativeLinks,
  ROOT,
  tableCells,
} from "./support/documents/document.ts";
import { smallGpt2, smallText } from "./support/train/small_gpt2.ts";
import { smallTokenizerJson } from "./support/train/small_tokenizer.ts";
import { savePretrained } from "../src/checkpoint/save_pretrained.ts";

const documents = readDocuments();

for (const { path, text, blocks } of documents) {
  Deno.test(`links and file names in ${path} lead to files and headings`, async () => {
    const folder = new URL(path, `file://${ROOT}`);
    for (const link of relativeLinks(text)) {
      const { pathname, hash } = new URL(link, folder);
      await Deno.stat(pathname);
      if (hash === "") continue;
      const anchors = anchorsOf(await Deno.readTextFile(pathname));
      assert.ok(anchors.includes(hash.slice(1)), `${link}: the headings are ${anchors.join(", ")}`);
    }
    for (const file of namedFiles(text)) {
      await assert.doesNotReject(Deno.stat(`${ROOT}${file}`), `${path} names ${file}`);
    }
  });

  Deno.test(`no cell of a table in ${path} is longer than 100 characters`, () => {
    assert.deepEqual(tableCells(text).filter(({ length }) => length > 100), []);
  });

  for (const [index, block] of blocks.entries()) {
    if (block.language !== "ts") continue;
    Deno.test(`TypeScript block ${index} of ${path} runs`, async () => await runProgram(block));
  }
}

Deno.test("TypeScript blocks are whole programs that type-check", async () => {
  const programs = documents.flatMap(({ blocks }) =>
    blocks.filter(({ language }) => language === "ts")
  );
  assert.ok(programs.length >= 8);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(ownConfig));
    for (const [index, { text }] of programs.entries()) {
      assert.match(text, /^import /);
      await Deno.writeTextFile(`${folder}/program${index}.ts`, text);
    }
    const { code, output } = await runDeno(["check", "--quiet", "."], folder);
    assert.equal(code, 0, output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("commands that documents show exist, with their options", async () => {
  const commands = new Set(shellCommands());
  assert.ok(commands.size > 20);
  for (const command of commands) {
    if (!command.includes(" jsr:")) await verifyCommand(command);
  }
});

Deno.test("commands that train, and the examples, run as documents show them", async () => {
  const commands = [...new Set(shellCommands())].filter((command) =>
    /^deno run .*(src\/cli\/train\.ts|examples\/)/.test(command)
  );
  assert.ok(commands.length >= 3);
  const folder = await Deno.makeTempDir();
  try {
    using model = smallGpt2({ vocabulary: 300, heads: 2 });
    await savePretrained(model, `${folder}/gpt2`);
    await Deno.writeTextFile(`${folder}/gpt2/tokenizer.json`, smallTokenizerJson());
    await Deno.writeFile(`${folder}/book.txt`, smallText());
    const short = "--steps 2 --context 8 --batch 4 --eval-tokens 64".split(" ");
    for (const command of commands) {
      const args = [...argumentsOf(command), ...command.includes("train.ts") ? short : []];
      const { code, output } = await runDeno(args, folder);
      assert.equal(code, 0, `${command}\n${output}`);
    }
    await Deno.stat(`${folder}/trained/model.safetensors`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a project of one's own uses a clone as the README says", async () => {
  const { blocks } = documents[0];
  const folder = await Deno.makeTempDir();
  try {
    await Deno.symlink(ROOT, `${folder}/meshfactor`);
    const own = `${folder}/own`;
    await Deno.mkdir(own);
    const write = (name: string, language: string) =>
      Deno.writeTextFile(
        `${own}/${name}`,
        blocks.find((block) => block.language === language)?.text ?? assert.fail(language),
      );
    await write("deno.json", "json");
    await write("xor.ts", "ts");
    await Deno.writeTextFile(`${own}/program.ts`, 'import "./xor.ts";\n');
    const program = await runDeno(["run", "-P=train", "xor.ts"], own);
    assert.equal(program.code, 0, program.output);
    assert.equal(program.stdout.trim().split("\n").length, 5);

    const commands = shellCommands().filter((command) => command.includes(" jsr:"));
    assert.equal(commands.length, 3);
    for (const command of commands) {
      const { code, output } = await runDeno(command.split(" ").slice(1), own);
      // Nothing has failed, so that there are no dumps.
      const [wanted, pattern] = command.includes("/analyse")
        ? [2, /dumps/]
        : [0, /Usage: train|\[rank 1\] 100/];
      assert.equal(code, wanted, `${command}\n${output}`);
      assert.match(output, pattern);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function shellCommands(): string[] {
  return documents.flatMap(({ blocks }) =>
    blocks.filter(({ language }) => language === "sh").flatMap(commandsOf)
  );
}

async function runProgram({ text, words }: Block): Promise<void> {
  const ranks = words.map((word) => /^ranks=(\d+)$/.exec(word)?.[1]).find((each) => each);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/program.ts`, text);
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(ownConfig));
    const launcher = ranks === undefined ? [] : [`${ROOT}src/cli/launch.ts`, "--ranks", ranks];
    const args = ["run", "--quiet", "-P=train", ...launcher, "program.ts"];
    const { code, output } = await runDeno(args, folder);
    assert.equal(code, 0, output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A project beside the package, as the README describes it. */
const ownConfig = {
  links: [ROOT],
  imports: { "@meshfactor/adafactor": "jsr:@meshfactor/adafactor@^0.1.0" },
  permissions: { train: { read: true, write: true, net: true, env: true, run: true, sys: true } },
};
