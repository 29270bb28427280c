import assert from "node:assert/strict";
import { svgCurve } from "../../../src/cli/report/svg_curve.ts";
import { terminalCurve } from "../../../src/cli/report/terminal_curve.ts";
import { averaged } from "../../../src/cli/report/loss_history.ts";

const UNIT = "nats";
const lossAt = (step: number) => 2 + 3 * Math.exp(-step / 50);
const HISTORY = {
  training: Array.from({ length: 200 }, (_, k) => ({ step: k + 1, loss: lossAt(k + 1) })),
  heldOut: [0, 50, 100, 200].map((step) => ({ step, loss: lossAt(step) + 0.2 })),
};

Deno.test("the curve in the terminal falls with the loss, marks evaluations, and fits the columns", () => {
  for (const columns of [60, 77, 150]) {
    const lines = terminalCurve(HISTORY, { columns, unit: UNIT });
    assert.ok(lines.every((line) => line.length <= Math.min(columns, 100)), lines.join("\n"));
    assert.match(lines[0], /^loss \(nats\) over steps: .* training, means of \d .* held out$/);
    const rows = lines.slice(1, -2);
    const marks = rows.flatMap((line, row) =>
      [...line.matchAll(/●/g)].map(({ index }) => ({ row, column: index }))
    );
    assert.equal(marks.length, HISTORY.heldOut.length);
    marks.sort((a, b) => a.column - b.column);
    assert.ok(marks.every(({ row }, k) => k === 0 || row > marks[k - 1].row));
    // The first row that has a dot in a column.
    const topOf = (column: number) =>
      rows.findIndex((line) => /[\u2801-\u28ff●]/.test(line[column] ?? ""));
    const tops = Array.from({ length: lines.at(-2)!.length }, (_, column) => topOf(column))
      .filter((row) => row >= 0);
    assert.ok(tops.length > columns / 3, "it has dots from left to right");
    assert.ok(tops[0] < 3 && tops.at(-1)! > rows.length / 2, `it falls: ${tops}`);
    assert.match(lines.at(-1)!, / 200$/);
  }
});

Deno.test("there is no curve of less than two losses, or where there is no room", () => {
  assert.deepEqual(terminalCurve({ training: [], heldOut: [] }, { columns: 80, unit: UNIT }), []);
  assert.deepEqual(terminalCurve(HISTORY, { columns: 59, unit: UNIT }), []);
  const one = { training: [{ step: 1, loss: 2 }], heldOut: [] };
  assert.equal(svgCurve(one, { title: "", unit: UNIT }), undefined);
});

Deno.test("a curve of equal losses is a straight line", () => {
  const training = [1, 2, 3].map((step) => ({ step, loss: 2 }));
  const lines = terminalCurve({ training, heldOut: [] }, { columns: 60, unit: UNIT });
  assert.equal(
    lines.filter((line) => /[\u2801-\u28ff]/.test(line.slice(5))).length,
    2,
    lines.join("\n"),
  );
  assert.doesNotMatch(svgCurve({ training, heldOut: [] }, { title: "", unit: UNIT })!, /NaN/);
});

Deno.test("the picture has a title, both axes with their units, both curves, a legend, and colours for light and dark", () => {
  const svg = svgCurve(HISTORY, { title: "a <model> & its text", unit: UNIT })!;
  assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  assert.match(svg, /<title>a &lt;model&gt; &amp; its text<\/title>/);
  assert.match(svg, />steps<\/text>/);
  assert.match(svg, />loss \(nats\)<\/text>/);
  assert.match(svg, />training, means of 2 steps<\/text>/);
  assert.match(svg, />held out<\/text>/);
  assert.match(svg, /prefers-color-scheme: dark/);
  assert.doesNotMatch(svg, /NaN|undefined/);
  // One for each evaluation, and one in the legend.
  assert.equal(svg.match(/<circle/g)!.length, HISTORY.heldOut.length + 1);
  const points = svg.match(/class="each" d="([^"]*)"/)![1].split(/[ML]/).slice(1)
    .map((point) => point.split(" ").map(Number));
  assert.equal(points.length, HISTORY.training.length);
  assert.ok(
    points.every(([x, y], k) => k === 0 || (x > points[k - 1][0] && y >= points[k - 1][1])),
  );
});

Deno.test("averages are those of equal intervals, and cover all points", () => {
  const points = Array.from({ length: 10 }, (_, k) => ({ step: k + 1, loss: k }));
  assert.deepEqual(averaged(points, 2), [{ step: 3, loss: 2 }, { step: 8, loss: 7 }]);
  assert.deepEqual(averaged(points, 100), points);
  assert.deepEqual(averaged([], 5), []);
});
