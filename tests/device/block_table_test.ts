// Rust reads the records that TypeScript writes.

import assert from "node:assert/strict";
import {
  adamwFields,
  blockFields,
  numberFields,
  stepFields,
} from "../../src/device/block_table.ts";

const RUST = await Deno.readTextFile(
  new URL("../../rust_kernels/src/blocks/block_table.rs", import.meta.url),
);

Deno.test("Rust has the fields of every record in the order of block_table.ts", () => {
  for (
    const [name, fields] of [["Block", blockFields], ["Numbers", numberFields], [
      "Steps",
      stepFields,
    ], ["AdamwStep", adamwFields]] as const
  ) {
    const body = RUST.match(new RegExp(`#\\[repr\\(C\\)\\]\npub struct ${name} {([^}]*)}`))![1]!;
    const inRust = [...body.matchAll(/pub (\w+): (\w+),/g)].map(([, field, type]) => [field, type]);
    const inTypeScript = Object.entries(fields).map(([field, type]) => [snakeCase(field), type]);
    assert.deepEqual(inRust, inTypeScript, name);
  }
});

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
