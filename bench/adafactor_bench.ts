// A whole step of Adafactor on a 4096 x 4096 matrix in f32, bf16 and f16: on each device, then column and row parallel.
//
//   deno bench -P=bench                              with ranks, which are processes
//   deno bench                                       without permissions, so on one rank
//   deno bench -P=bench bench/adafactor_bench.ts -- --size 1024 --iterations 20
//
// An iteration is one step: on ranks from the request until all have finished, which includes 0.1 ms or so of asking.
// Ranks, on wasm, stay alive throughout. Their baseline is the whole layer on rank 0, while the others sleep.

import { parseArgs } from "node:util";
import { type Device, requestDevice } from "../mod.ts";
import { findAdapter } from "../src/device/webgpu/adapter.ts";
import type { Dtype } from "./optimizer/options.ts";
import { type Layer, StepRanks } from "./optimizer/step_ranks.ts";
import { Workload } from "./optimizer/workload.ts";

const { size, iterations } = parseArgs({
  args: Deno.args,
  options: { size: { type: "string", default: "4096" }, iterations: { type: "string" } },
}).values;
const SIDE = positiveInteger(size, "--size");
const SAMPLES = iterations === undefined ? {} : {
  n: positiveInteger(iterations, "--iterations"),
  warmup: 1,
};
const DTYPES: readonly Dtype[] = ["f32", "bf16", "f16"];
const NUMBERS_OF_RANKS = [2, 4];
const STEP = `Adafactor step, ${SIDE} x ${SIDE}`;

benchDevice(await requestDevice({ kind: "wasm" }));
if (await findAdapter() === null) console.log("webgpu is left out: no adapter was found");
else benchDevice(await requestDevice({ kind: "webgpu" }));
if (await mayStartRanks()) { for (const ranks of NUMBERS_OF_RANKS) benchRanks(ranks); }
else console.log("ranks are left out, as they need permissions: deno bench -P=bench");

/** One rank's step on a device, by dtype. */
function benchDevice(device: Device): void {
  console.log(device.description);
  const group = `${STEP}, ${device.kind}`;
  let current: { readonly dtype: Dtype; readonly workload: Workload } | undefined;
  for (const dtype of DTYPES) {
    const name = `${device.kind}: ${dtype}`;
    Deno.bench(name, { group, baseline: dtype === "f32", ...SAMPLES }, async (bench) => {
      if (current?.dtype !== dtype) {
        current?.workload[Symbol.dispose]();
        current = { dtype, workload: new Workload(device, { shapes: [[SIDE, SIDE]], dtype }) };
        await current.workload.optimizer.step();
      }
      bench.start();
      await current.workload.optimizer.step();
      bench.end();
    });
  }
}

/** Steps of a layer on ranks, whole on one of them and cut both ways, by dtype. */
function benchRanks(numRanks: number): void {
  const ranks = new StepRanks(numRanks);
  addEventListener("unload", () => void ranks[Symbol.asyncDispose]());
  const group = `${STEP}, wasm, ${numRanks} ranks`;
  const layers: Layer[] = [
    { cut: "base", dtype: "f32", side: SIDE },
    ...(["column", "row"] as const).flatMap((cut) =>
      DTYPES.map((dtype): Layer => ({ cut, dtype, side: SIDE }))
    ),
  ];
  for (const layer of layers) {
    const isBase = layer.cut === "base";
    const split = isBase ? " on one of them" : `, ${layer.cut} parallel`;
    const name = `${numRanks} ranks: ${layer.dtype}${split}`;
    Deno.bench(name, { group, baseline: isBase, ...SAMPLES }, async (bench) => {
      await ranks.prepare(layer);
      bench.start();
      await ranks.step();
      bench.end();
    });
  }
}

/** Whether processes may be started, and may talk to this one; asks nobody. */
async function mayStartRanks(): Promise<boolean> {
  const needed = ["read", "write", "net", "env", "run", "sys"] as const;
  const states = await Promise.all(needed.map((name) => Deno.permissions.query({ name })));
  return states.every(({ state }) => state === "granted");
}

function positiveInteger(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new TypeError(`${flag} takes a positive integer, not ${text}`);
}
