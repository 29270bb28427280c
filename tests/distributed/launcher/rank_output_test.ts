// The output of ranks: lines and parts of lines, whatever the pieces that they arrive in, and in linear time.

import { deepEqual, equal, ok } from "node:assert/strict";
import { LineSplitter, OutputTail } from "../../../src/distributed/launcher/rank_output.ts";

const TEXT = "one\n\nthree is longer\r\nfour";

Deno.test("lines are the same for all pieces that they may arrive in", () => {
  for (let size = 1; size <= TEXT.length; size++) {
    const { splitter, passed } = collect();
    for (let at = 0; at < TEXT.length; at += size) splitter.push(TEXT.slice(at, at + size));
    splitter.end();
    deepEqual(passed, [["one", false], ["", false], ["three is longer\r", false], ["four", false]]);
  }
});

Deno.test("a line without an end is passed on in parts after a while, or when it is long, and only if that is wanted", async () => {
  const { splitter, passed } = collect(10);
  splitter.push("50 %");
  await new Promise((resolve) => setTimeout(resolve, 100));
  deepEqual(passed.splice(0), [["50 %", true]]);
  splitter.push(" done\nnext");
  splitter.push("x".repeat(100_000));
  deepEqual(passed.splice(0), [[" done", false], [`next${"x".repeat(100_000)}`, true]]);
  splitter.end();
  deepEqual(passed, [["", false]], "its end");

  const whole = collect();
  whole.splitter.push("x".repeat(100_000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  deepEqual(whole.passed, []);
  whole.splitter.end();
  equal(whole.passed.length, 1);
});

Deno.test("a line of 64 MB in pieces of 1 kB takes no longer than its length", () => {
  const { splitter, passed } = collect();
  const piece = "x".repeat(1024);
  const begin = performance.now();
  for (let k = 0; k < 65_536; k++) splitter.push(piece);
  splitter.end();
  equal(passed[0][0].length, 65_536 * 1024);
  const elapsed = performance.now() - begin;
  ok(
    elapsed < 5000,
    `it took ${elapsed} ms`,
  );
});

Deno.test("the tail of an output has its last 200 lines, parts joined", () => {
  const tail = new OutputTail();
  for (let k = 0; k < 300; k++) {
    tail.add({ text: `line ${k}`, isPart: true });
    tail.add({ text: "!" });
  }
  equal(tail.lines.length, 200);
  deepEqual([tail.lines[0], tail.lines[199]], ["line 100!", "line 299!"]);
});

function collect(partMs?: number) {
  const passed: [string, boolean][] = [];
  const splitter = new LineSplitter((text, isPart) => passed.push([text, isPart]), partMs);
  return { splitter, passed };
}
