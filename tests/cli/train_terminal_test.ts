// The training command in a terminal (a pseudo-terminal of script), as a person sees it.

import assert from "node:assert/strict";
import { Screen } from "../support/cli/screen.ts";
import { commandInTerminal, flagsFor } from "../support/cli/train_command.ts";
import { withSmallFiles } from "../support/train/small_gpt2.ts";

for (const ranks of [1, 2]) {
  for (const columns of [80, 120]) {
    Deno.test({
      name:
        `train.ts on ${ranks} ranks shows sentences and a curve in a terminal of ${columns} columns, and a bar that overwrites nothing`,
      ignore: Deno.build.os !== "linux",
      async fn() {
        await withSmallFiles(async (files) => {
          const flags = [...flagsFor(files), "--steps", "40", "--eval", "20"];
          const text = await outputOf(commandInTerminal(flags, { ranks, columns }));
          const screen = new Screen(columns);
          screen.write(text);
          const prefix = ranks === 1 ? "" : "[rank 0] ";
          const starts = ["9772 parameters on", "Adafactor", "weights in f32"]
            .concat(["after 0 steps", "after 20 steps", "after 40 steps"])
            .concat(["--- the model continues", "loss (nats)"]);
          const found = starts.map((start) =>
            screen.lines.findIndex((line) => line.startsWith(`${prefix}${start}`))
          );
          assert.ok(found.every((at, k) => at > (found[k - 1] ?? -1)), screen.lines.join("\n"));
          assert.doesNotMatch(screen.lines.join("\n"), /"kind"|\/40/, "no JSON, no bar is left");
          // What was drawn on the way: one line each, none of them as wide as the terminal.
          const drawn = text.split(/[\r\n]/).filter((line) => /^(\[[=-]+\] )?\d+\/40/.test(line));
          assert.ok(drawn.length > 1, text);
          for (const line of drawn) {
            assert.match(line, /loss \d\.\d{4} .*left/);
            assert.ok(line.replace("\x1b[K", "").length < columns, line);
          }
        });
      },
    });
  }
}

/** What a command writes. */
async function outputOf(command: Deno.Command): Promise<string> {
  const { code, stdout } = await command.output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, text);
  return text;
}
