import assert from "node:assert/strict";
import { progressLine } from "../../../src/cli/report/progress_fields.ts";

const both = (text: string) => ({ long: text, short: text });
const PROGRESS = {
  share: 0.5,
  count: "120/240",
  fields: [
    both("loss 3.2104"),
    { long: "perplexity 24.1", short: "ppl 24.1" },
    { long: "1234 tokens/s", short: "1234 tok/s" },
    { long: "gradient norm 0.832", short: "norm 0.832" },
    both("lr 5.0e-5"),
    both("1.20 GB"),
  ],
  left: "2m30s left",
};

Deno.test("the progress line is no wider than asked, and always has the step and the time left", () => {
  for (let columns = 1; columns < 200; columns++) {
    const line = progressLine(PROGRESS, columns);
    assert.ok(line.length <= columns, `${columns}: ${line}`);
    if (columns >= 18) assert.match(line, /120\/240.*2m30s left$/);
  }
});

Deno.test("the progress line shows more the wider it is", () => {
  const lines = [20, 40, 77, 90, 100, 117, 140].map((columns) => progressLine(PROGRESS, columns));
  assert.deepEqual(lines, [
    "120/240 | 2m30s left",
    "120/240 | loss 3.2104 | 2m30s left",
    "120/240 | loss 3.2104 | ppl 24.1 | 1234 tok/s | norm 0.832 | 2m30s left",
    "120/240 loss 3.2104 ppl 24.1 1234 tok/s norm 0.832 lr 5.0e-5 1.20 GB 2m30s left",
    "120/240 | loss 3.2104 | ppl 24.1 | 1234 tok/s | norm 0.832 | lr 5.0e-5 | 1.20 GB | 2m30s left",
    "[===========----------] 120/240 | loss 3.2104 | ppl 24.1 | 1234 tok/s | norm 0.832 | lr 5.0e-5 | 1.20 GB | 2m30s left",
    "[=============------------] 120/240 | loss 3.2104 | perplexity 24.1 | 1234 tokens/s | gradient norm 0.832 | lr 5.0e-5 | 1.20 GB | 2m30s left",
  ]);
});
