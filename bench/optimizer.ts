// The optimizer: how fast on one device, over many tensors, over ranks, and with size, beside PyTorch and a plain copy.
//
//   ./run bench optimizer
//   ./run bench optimizer --part device --dtype bf16 --peer torch
//   ./run bench optimizer --part table --ranks 2 --iterations 50 --json
//
// bench/README.md says what the columns mean and what was measured.

import { requestDevice } from "../mod.ts";
import { measureManyTensors } from "./optimizer/many_tensors.ts";
import { measureOneDevice } from "./optimizer/one_device.ts";
import { parseOptions } from "./optimizer/options.ts";
import { measureOriginalTable } from "./optimizer/original_table.ts";
import { Report } from "./optimizer/report.ts";
import { measureScale } from "./optimizer/scale.ts";

/** Runs the benchmark and returns its exit code: 0; 1 if something failed; 2 for a wrong command line. */
export async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === "help") return 0;
  if (options === "wrong") return 2;
  try {
    const { parts } = options;
    using device = await requestDevice({ kind: options.device });
    const report = new Report(options.format, device.description);
    if (parts.includes("device")) await measureOneDevice(device, { options, report });
    if (parts.includes("tensors")) await measureManyTensors(device, { options, report });
    if (parts.includes("table")) await measureOriginalTable({ options, report });
    if (parts.includes("scale")) await measureScale({ options, report });
    return 0;
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
