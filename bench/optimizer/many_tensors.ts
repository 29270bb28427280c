// Many tensors: the shapes of real models, whose small tensors must not cost a dispatch each.
//
// Beyond moving bytes, a step costs time on the host: the plan is made once, so one call per dispatch and one copy per
// small tensor remain.

import type { Device } from "../../mod.ts";
import type { Options } from "./options.ts";
import type { Cell, Report } from "./report.ts";
import { median, timesOn } from "./timing.ts";
import { Workload } from "./workload.ts";

type Shapes = readonly (readonly number[])[];

/** GPT-2 small: 148 tensors, 124 million elements. */
const GPT2_SMALL: Shapes = [
  [50257, 768],
  [1024, 768],
  ...Array.from({ length: 12 }, (): Shapes => [
    ...[[768], [768], [768, 2304], [2304], [768, 768], [768]],
    ...[[768], [768], [768, 3072], [3072], [3072, 768], [768]],
  ]).flat(),
  ...[[768], [768]],
];

/** A block of Llama-7B: 9 tensors, 202 million elements. */
const LLAMA_7B_BLOCK: Shapes = [
  ...Array.from({ length: 4 }, () => [4096, 4096]),
  ...[[11008, 4096], [11008, 4096], [4096, 11008], [4096], [4096]],
];

/** A thousand vectors. */
const SMALL: Shapes = Array.from({ length: 1000 }, () => [768]);

const MODELS: Readonly<Record<string, Shapes>> = {
  "GPT-2 small": GPT2_SMALL,
  "Llama-7B, one block": LLAMA_7B_BLOCK,
  "1,000 vectors of 768": SMALL,
};

/** Elements from which a matrix may have dispatches of its own. */
const LARGE = 1 << 18;

/** Prints a row per model that the device has room for. */
export async function measureManyTensors(
  device: Device,
  { options, report }: { readonly options: Options; readonly report: Report },
): Promise<void> {
  const rows = [];
  const notes = [`large: of ${LARGE} elements and more`];
  for (const [model, shapes] of Object.entries(MODELS)) {
    try {
      rows.push({ model, ...await measure(device, { shapes, options }) });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      notes.push(`${model}: ${error.message}`);
    }
  }
  report.print({
    title: "many tensors, f32, medians",
    columns: Object.keys(rows[0] ?? {}),
    rows,
    notes,
  });
}

async function measure(
  device: Device,
  { shapes, options }: { readonly shapes: Shapes; readonly options: Options },
): Promise<Record<string, Cell>> {
  using workload = new Workload(device, { shapes, dtype: "f32" });
  const { optimizer } = workload;
  await optimizer.step();
  const before = device.statistics().kernelsRun;
  await optimizer.step();
  const kernels = device.statistics().kernelsRun - before;
  const { wall, gpu } = await timesOn(
    device,
    Math.min(options.iterations, 10),
    () => optimizer.step(),
  );
  const sizes = shapes.map((shape) => shape.reduce((product, each) => product * each, 1));
  const elements = sizes.reduce((sum, each) => sum + each, 0);
  const numLarge = sizes.filter((each) => each >= LARGE).length;
  return {
    tensors: shapes.length,
    "elements (M)": elements / 1e6,
    large: numLarge,
    kernels,
    "beyond 3 per large": kernels - 3 * numLarge,
    "step (ms)": median(wall),
    ...(gpu.length > 0 && { "GPU (ms)": median(gpu) }),
    "GB/s": 20 * elements / 1e6 / median(gpu.length > 0 ? gpu : wall),
  };
}
