// The guides are followed line by line, with tiny models in place of those of the hub, and fewer steps.

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { commandsOf, readDocuments, ROOT } from "./support/documents/document.ts";
import { writeTaskModel } from "./support/train/task_folder.ts";

/** What a guide leaves behind, and what its last command prints. */
const OUTCOMES: Readonly<Record<string, { readonly model: string; readonly printed: RegExp }>> = {
  "docs/guides/classify_text.md": { model: "topics", printed: /^\{"text":"Two more eggs/m },
  "docs/guides/fine_tune_a_chat_model.md": { model: "lighthouse", printed: /\n$/ },
  "docs/guides/train_from_scratch.md": { model: "trained", printed: /\n$/ },
};

const guides = readDocuments().filter(({ path }) => path.startsWith("docs/guides/"));

Deno.test("there is an outcome to verify for every guide", () => {
  assert.deepEqual(guides.map(({ path }) => path).toSorted(), Object.keys(OUTCOMES));
});

for (const { path, blocks } of guides) {
  Deno.test(`the commands of ${path} run one after the other`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await writeModels(folder);
      await write(folder, "docs/text.md", TEXT);
      await write(folder, "README.md", TEXT);
      let printed = "";
      let numRun = 0;
      for (const block of blocks) {
        const name = block.words.find((word) => word.startsWith("file="))?.slice("file=".length);
        if (name !== undefined) await write(folder, name, block.text);
        for (const command of block.language === "sh" ? commandsOf(block) : []) {
          printed = await run(quick(command), folder);
          numRun++;
        }
      }
      const { model, printed: pattern } = OUTCOMES[path];
      assert.ok(numRun >= 2);
      assert.match(printed, pattern);
      await Deno.stat(join(folder, model, "model.safetensors"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Tiny models at the names that they have on the hub. */
async function writeModels(folder: string): Promise<void> {
  const place = async (made: string, name: string) => {
    await Deno.mkdir(join(folder, dirname(name)), { recursive: true });
    await Deno.rename(made, join(folder, name));
  };
  await place(await writeTaskModel(folder, "bert"), "sentence-transformers/all-MiniLM-L6-v2");
  const chat = await writeTaskModel(folder, "gpt2", { n_positions: 512 });
  await place(chat, "HuggingFaceTB/SmolLM2-135M-Instruct");
}

async function write(folder: string, name: string, text: string): Promise<void> {
  await Deno.mkdir(join(folder, dirname(name)), { recursive: true });
  await Deno.writeTextFile(join(folder, name), text);
}

/** The same command on the CPU, with two steps where there are more. */
function quick(command: string): string {
  return command.replace(/--steps \d+/, "--steps 2").replace(/--eval \d+/, "--eval 1") +
    " --device wasm";
}

/** What a command prints. @throws {Error} if it fails */
async function run(command: string, folder: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", command.replace(/^\.\/run/, `${ROOT}run`)],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, `${command}\n${out}\n${errors}`);
  return out;
}

const TEXT = "A text of some sentences. They are short, and there are enough of them.\n".repeat(60);
