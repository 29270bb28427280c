import assert from "node:assert/strict";
import { coveringArray } from "./covering_array.ts";

Deno.test("coveringArray() has every allowed pair of values, no other, and far fewer rows than combinations", () => {
  const letters = ["x", "y", "z"];
  const factors = { a: letters, b: letters, c: letters, d: letters, e: letters };
  const isAllowed = ({ a, b }: { readonly a?: string; readonly b?: string }) =>
    !(a === "y" && b === "z");
  const rows: Record<string, string>[] = coveringArray(factors, isAllowed);
  const names = Object.keys(factors);
  for (const [k, first] of names.entries()) {
    for (const second of names.slice(k + 1)) {
      for (const one of letters) {
        for (const other of letters) {
          const isMet = rows.some((row) => row[first] === one && row[second] === other);
          assert.equal(isMet, isAllowed({ [first]: one, [second]: other }));
        }
      }
    }
  }
  assert.ok(rows.length < 25, `${rows.length} rows for 243 combinations`);
});
