// The documentation of public symbols: each `@example` is type-checked and run as a test of its own by `deno test --doc`, as a
// program that imports "@meshfactor/adafactor" would, and each symbol has a `@category`.

import assert from "node:assert/strict";
import config from "../deno.json" with { type: "json" };

/** How many public symbols have an example at least. */
const LEAST = 75;

const ROOT = new URL("../", import.meta.url).pathname;
/** In place of a symbol's name. */
const MODULE = "(module)";

/** What `deno doc --json` writes, as far as it is read here. */
interface Documentation {
  readonly nodes: Readonly<Record<string, FileDocumentation>>;
}

interface FileDocumentation {
  readonly module_doc?: Comment;
  readonly symbols: readonly {
    readonly name: string;
    readonly declarations: readonly Declaration[];
  }[];
}

interface Declaration {
  readonly location: { readonly filename: string };
  readonly jsDoc?: Comment;
  readonly def?: { readonly methods?: readonly Declaration[] };
}

interface Comment {
  readonly tags?: readonly { readonly kind: string; readonly doc?: string }[];
}

Deno.test("every example in the documentation of public symbols runs", async () => {
  const files = new Set<string>();
  const names = new Set<string>();
  for (const { file, name, examples } of await documented()) {
    if (examples.length === 0) continue;
    files.add(file);
    names.add(`${file} ${name}`);
    for (const text of examples) {
      assert.match(
        text,
        /^```ts$[^]*^import [^;]* from "@meshfactor\/adafactor/m,
        `${file}: ${name}`,
      );
    }
  }
  for (const file of files) {
    assert.doesNotMatch(await Deno.readTextFile(file), /```ts (?:ignore|no-check)/, file);
  }
  assert.ok(names.size >= LEAST, `${names.size} public symbols have an example`);

  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--doc", "--quiet", "--permission-set=test", ...files],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  assert.equal(code, 0, output);
  const passed = Number(/^ok \| (\d+) passed/m.exec(output)?.[1]);
  assert.ok(passed >= names.size, output);
});

Deno.test("every public symbol has a category", async () => {
  const without = (await documented()).filter(({ file, name, category }) =>
    category === undefined && name !== MODULE && !file.endsWith("/mod.ts") &&
    !file.includes("/src/cli/")
  );
  assert.deepEqual(without.map(({ file, name }) => `${file} ${name}`), []);
});

interface Documented {
  readonly file: string;
  readonly name: string;
  readonly category: string | undefined;
  /** The texts of its examples. */
  readonly examples: readonly string[];
}

/** The public symbols and modules. */
async function documented(): Promise<Documented[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...Object.values(config.exports)],
    cwd: ROOT,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as Documentation;
  return Object.entries(nodes).flatMap(([url, { module_doc, symbols }]) => [
    { file: pathOf(url), name: MODULE, category: undefined, examples: examplesOf(module_doc) },
    ...symbols.flatMap(({ name, declarations }) =>
      declarations.map(({ location, jsDoc, def }) => ({
        file: pathOf(location.filename),
        name,
        category: jsDoc?.tags?.find(({ kind }) => kind === "category")?.doc,
        examples: [jsDoc, ...(def?.methods ?? []).map((method) => method.jsDoc)].flatMap(
          examplesOf,
        ),
      }))
    ),
  ]);
}

function examplesOf(comment: Comment | undefined): string[] {
  return (comment?.tags ?? []).filter(({ kind }) => kind === "example").map(({ doc }) => doc ?? "");
}

function pathOf(url: string): string {
  return new URL(url).pathname;
}
