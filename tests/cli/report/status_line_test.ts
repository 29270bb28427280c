import assert from "node:assert/strict";
import { LastingOutput } from "../../../src/cli/report/lasting_output.ts";
import {
  RelayedStatusLine,
  relayedText,
  TerminalStatusLine,
} from "../../../src/cli/report/status_line.ts";
import { Screen } from "../../support/cli/screen.ts";

/** A terminal with a status line, whose width can be changed. */
function terminal(columns: number) {
  const screen = new Screen(columns);
  const size = { columns };
  const write = (text: string) => screen.write(text);
  const output = new LastingOutput({
    writeSync(bytes) {
      write(new TextDecoder().decode(bytes));
      return bytes.length;
    },
  });
  return {
    screen,
    write,
    line: new TerminalStatusLine(output, () => size.columns),
    resize(columns: number) {
      size.columns = columns;
      screen.resize(columns);
    },
  };
}

Deno.test("a status line stays below the lines that are printed, and leaves nothing at its end", () => {
  const { screen, write, line } = terminal(40);
  write("before\n");
  line.show("10 of 100, and a long text");
  line.show("20 of 100");
  assert.deepEqual(screen.lines, ["before", "20 of 100"]);
  line.above(() => write("a result\n"));
  assert.deepEqual(screen.lines, ["before", "a result", "20 of 100"]);
  line.end();
  write("after\n");
  assert.deepEqual(screen.lines, ["before", "a result", "after"]);
});

Deno.test("a status line is cut off where the terminal ends, with room for the ^C of who interrupts", () => {
  const { screen, write, line } = terminal(20);
  for (let step = 0; step < 3; step++) line.show("x".repeat(100));
  assert.deepEqual(screen.lines, ["x".repeat(line.columns)]);
  write("^C");
  line.show("y");
  assert.deepEqual(screen.lines, ["y"]);
});

for (const [from, to] of [[60, 20], [60, 7], [20, 60]]) {
  Deno.test(`a status line leaves nothing behind when a terminal of ${from} columns gets ${to}`, () => {
    const { screen, write, line, resize } = terminal(from);
    write("before\n");
    line.show("0123456789 ".repeat(10));
    resize(to);
    line.show("again ".repeat(20));
    assert.deepEqual(screen.lines, [
      "before",
      "again ".repeat(20).slice(0, line.columns).trimEnd(),
    ]);
    resize(from);
    line.above(() => write("printed\n"));
    line.end();
    assert.deepEqual(screen.lines, ["before", "printed"]);
  });
}

Deno.test("a relayed status line arrives as lines that the launcher tells from others", () => {
  let text = "";
  const output = new LastingOutput({
    writeSync(bytes) {
      text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  });
  const line = new RelayedStatusLine(output, 100);
  line.show("10 of 100");
  line.above(() => text += "a result\n");
  line.end();
  assert.deepEqual(text.split("\n").map(relayedText), ["10 of 100", undefined, "", undefined]);
});
