// The folders of rust_kernels/src import each other one way, and its files make no circle.

import assert from "node:assert/strict";
import { cycles } from "../../architecture_rules.ts";

const SOURCES = new URL("../../../rust_kernels/src/", import.meta.url);

/** The folders and files of src, and what each may import. Files within a folder may import each other. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  allocation: [],
  simd: [],
  storage: ["simd"],
  operands: ["allocation", "storage"],
  ops: ["allocation", "operands", "simd", "storage"],
  blocks: ["allocation", "operands", "simd", "storage"],
  adafactor: ["allocation", "blocks", "operands", "simd", "storage"],
  adamw: ["allocation", "blocks", "operands", "simd", "storage"],
};

Deno.test("folders of rust_kernels import only what they may", () => {
  const imports = rustImports();
  assert.ok(imports.length > 150);
  const wrong = imports.filter(({ from, to }) => {
    const [own, other] = [from, to].map((path) => path.split("/")[0]!);
    assert.ok(own! in mayImport, `${from} is in a folder without a rule: add one here`);
    return own !== other && !mayImport[own!]!.includes(other!);
  });
  assert.deepEqual(wrong.map(({ from, to }) => `${from} must not import ${to}`), []);
});

Deno.test("files of rust_kernels import each other without circles", () => {
  assert.deepEqual(cycles(rustImports().map((each) => ({ ...each, isTypeOnly: false })), []), []);
});

interface RustImport {
  readonly from: string;
  readonly to: string;
}

/** Every `crate::path` in the sources, from file to file; paths without extension. */
function rustImports(): RustImport[] {
  const files = rustFiles("");
  const modules = new Set(files.map(moduleOf));
  return files.flatMap((file) => {
    const text = Deno.readTextFileSync(new URL(file, SOURCES));
    return [...text.matchAll(/\bcrate((?:::[a-z]\w*)+)/g)].map(([, path]) => {
      const names = path!.split("::").slice(1);
      while (names.length > 0 && !modules.has(names.join("/"))) names.pop();
      assert.ok(names.length > 0, `${file} imports crate${path}, which is no file`);
      return { from: moduleOf(file), to: names.join("/") };
    });
  });
}

function moduleOf(file: string): string {
  return file.replace(/(\/mod)?\.rs$/, "");
}

function rustFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder || ".", SOURCES))].flatMap(({ name, isDirectory }) =>
    isDirectory ? rustFiles(`${folder}${name}/`) : [`${folder}${name}`]
  );
}
