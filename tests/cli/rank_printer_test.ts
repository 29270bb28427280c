// Output of ranks on one screen: every line has its rank, and parts of a line stay together.

import { equal } from "node:assert/strict";
import { RankPrinter } from "../../src/cli/rank_printer.ts";

Deno.test("parts of a line are joined, and another rank's output begins a new line", () => {
  let text = "";
  const printer = new RankPrinter((_, piece) => (text += piece));
  printer.print({ rank: 0, stream: "stdout", text: "10 %", isPart: true });
  printer.print({ rank: 0, stream: "stdout", text: "\r20 %", isPart: true });
  printer.print({ rank: 1, stream: "stdout", text: "hello" });
  printer.print({ rank: 0, stream: "stdout", text: "\r30 %", isPart: true });
  printer.print({ rank: 0, stream: "stderr", text: "a warning" });
  printer.print({ rank: 0, stream: "stdout", text: "\r40 %", isPart: true });
  printer.print({ rank: 0, stream: "stdout", text: "" });
  printer.endLine();
  equal(
    text,
    "[rank 0] 10 %\r20 %\n[rank 1] hello\n[rank 0] \r30 %\n[rank 0] a warning\n[rank 0] \r40 %\n",
  );
});
