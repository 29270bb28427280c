// Training: products of matrices against the device's limit, and steps of GPT-2 in parts, beside PyTorch and jax-js.
//
//   ./run bench train
//   ./run bench train --part steps --shape 2x128 --mesh 1x1,2x1,1x2 --peer torch,jax-js
//   ./run bench train --device webgpu --shape 2x128 --size 256 --json
//
// bench/README.md says what the columns mean and what was measured.

import { requestDevice } from "../mod.ts";
import { Interrupt } from "../src/cli/interrupt.ts";
import { Report } from "./optimizer/report.ts";
import { measureMatmul } from "./train/matmul.ts";
import { parseOptions } from "./train/options.ts";
import { measureSteps } from "./train/steps.ts";

/** Runs the benchmark and returns its exit code: 0; 1 if something failed; 2 for a wrong command line; 130 after Ctrl-C. */
export async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === "help") return 0;
  if (options === "wrong") return 2;
  using interrupt = new Interrupt();
  try {
    const { description } = await describe(options.device);
    const report = new Report(options.format, description);
    const wanted = {
      peers: options.peers,
      signal: interrupt.signal,
      leaveOut: saidOnce((peer, error) => `${peer} is left out: ${messageOf(error)}`),
    };
    if (options.parts.includes("matmul")) await measureMatmul({ options, report, wanted });
    if (options.parts.includes("steps")) await measureSteps({ options, report, wanted });
    return 0;
  } catch (error) {
    const { aborted } = interrupt.signal;
    console.error(aborted ? "interrupted: all ranks are stopped" : `error: ${messageOf(error)}`);
    return aborted ? INTERRUPTED_CODE : 1;
  }
}

async function describe(kind: "wasm" | "webgpu"): Promise<{ readonly description: string }> {
  using device = await requestDevice({ kind });
  return { description: device.description };
}

/** Writes what is the same each time once only. */
function saidOnce(sentence: (peer: string, error: unknown) => string) {
  const said = new Set<string>();
  return (peer: string, error: unknown): void => {
    const text = sentence(peer, error);
    if (!said.has(text)) console.error(text);
    said.add(text);
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const INTERRUPTED_CODE = 130;

if (import.meta.main) Deno.exit(await main(Deno.args));
