// The table of docs/models.md and the README's list name every family; the lines that the table has for one are those of its file.

import assert from "node:assert/strict";
import { readDocuments, ROOT } from "../../support/documents/document.ts";

const FOLDER = `${ROOT}src/models/families`;
/** Files that a family has besides the one of its classes. */
const MORE_FILES: Readonly<Record<string, string>> = {
  deepseek_v3: "deepseek",
  sam: "sam_settings",
};
/** How far a number may be from its file, as a share: it is there to compare families. */
const TOLERANCE = 0.05;

const rows = documentOf("docs/models.md").split("\n")
  .filter((line) => /^\| .*`/.test(line))
  .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
  .map(([names, classes, lines]) => ({ names, classes, lines: Number(lines) }));

Deno.test("docs/models.md has every class that loads, and the lines of its family", async () => {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(FOLDER)) {
    const file = name.slice(0, -".ts".length);
    for (const loaded of await classesOf(file)) {
      const [, base, head] = /^(.+?)(For\w+|LMHeadModel|Model)$/.exec(loaded)!;
      const row = rows.find(({ classes }) =>
        classes.includes(`\`${loaded}\``) ||
        classes.includes(`\`${base}For`) && classes.includes(`...${head.slice("For".length)}`)
      );
      assert.ok(row !== undefined, `no line of the table has ${loaded}`);
      found.push(row.names);
      const more = MORE_FILES[file];
      const lines = await linesOf(file) + (more === undefined ? 0 : await linesOf(more));
      assert.ok(
        Math.abs(row.lines - lines) <= TOLERANCE * lines,
        `${row.names}: ${lines} lines, and the table says ${row.lines}`,
      );
    }
  }
  assert.deepEqual(rows.map(({ names }) => names).filter((each) => !found.includes(each)), []);
});

Deno.test("the README names every family of the table", () => {
  const text = documentOf("README.md");
  const [models] = /^- \*\*Models\.\*\*[^]*?\n- /m.exec(text)!;
  const missing = rows.map(({ names }) => names.split(/[ ,]/)[0]).filter((name) =>
    !models.includes(name)
  );
  assert.ok(rows.length >= 30);
  assert.deepEqual(missing, []);
});

/** The classes of transformers that the architectures of a file load. */
async function classesOf(file: string): Promise<string[]> {
  const exported: Record<string, unknown> = await import(`${FOLDER}/${file}.ts`);
  return Object.values(exported).flatMap((each) =>
    typeof each === "object" && each !== null && "modelType" in each && "name" in each &&
      typeof each.name === "string"
      ? [each.name]
      : []
  );
}

/** Lines of a file of families that are neither empty nor comments. */
async function linesOf(file: string): Promise<number> {
  const text = await Deno.readTextFile(`${FOLDER}/${file}.ts`);
  return text.replaceAll(/\/\*[^]*?\*\//g, "").split("\n").filter((line) =>
    !/^\s*(\/\/.*)?$/.test(line)
  ).length;
}

function documentOf(path: string): string {
  return readDocuments().find((each) => each.path === path)!.text;
}
