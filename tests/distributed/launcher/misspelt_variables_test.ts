// A variable with a typing error is refused, and so is not ignored.

import { doesNotThrow, ok, throws } from "node:assert/strict";
import { refuseMisspelt } from "../../../src/distributed/launcher/misspelt_variables.ts";

Deno.test("a variable that is almost one of ours is refused, with the name that is meant", () => {
  for (
    const [wrong, meant] of [
      ["SECRETE", "SECRET"],
      ["SERCET", "SECRET"],
      ["STALL_TIMEOUT", "STALL_TIMEOUT_MS"],
      ["STALL_TIMEOUT_S", "STALL_TIMEOUT_MS"],
      ["TLS", "TLS_CERT"],
      ["INTEGRETY", "INTEGRITY"],
      ["ALL_REDUCE", "ALLREDUCE"],
    ]
  ) {
    throws(
      () => refuseMisspelt(["PATH", `MESHFACTOR_${wrong}`]),
      new RegExp(`MESHFACTOR_${wrong} is set, .* rename it to MESHFACTOR_${meant}, or unset it`),
    );
  }
});

Deno.test("no variable that the sources, tests or documents name is refused", async () => {
  const command = new Deno.Command("grep", {
    args: ["-rhoE", "MESHFACTOR_[A-Z_]*[A-Z]", "src", "tests", "docs", "bench", "run", "README.md"],
    cwd: new URL("../../../", import.meta.url),
  });
  const names = new TextDecoder().decode((await command.output()).stdout).trim().split("\n");
  const wrong = /_(SECRETE|SERCET|STALL_TIMEOUT|STALL_TIMEOUT_S|TLS|INTEGRETY|ALL_REDUCE)$/;
  const right = new Set(names.filter((name) => !wrong.test(name)));
  ok(right.size > 30, [...right].join());
  doesNotThrow(() => refuseMisspelt(right));
});
