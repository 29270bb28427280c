// Time and memory against size: a square matrix of n elements, n = 10^4 ... as far as memory goes.
//
//   state     bytes that the optimizer keeps from step to step: must grow as sqrt n
//   step      bytes that it takes from the system beyond parameters and gradients, state included, at its peak

import type { Device } from "../../mod.ts";
import { requestDevice } from "../../mod.ts";
import type { Options } from "./options.ts";
import type { Report } from "./report.ts";
import { median, timesOf } from "./timing.ts";
import { Workload } from "./workload.ts";

/** Prints a row per size. */
export async function measureScale(
  { options, report }: { readonly options: Options; readonly report: Report },
): Promise<void> {
  const rows = [];
  const notes: string[] = [];
  for (const elements of [1e4, 1e5, 1e6, 4096 ** 2, 1e8, 1e9]) {
    if (elements > options.largest) break;
    const side = Math.round(Math.sqrt(elements));
    try {
      // A device of its own with an empty pool: the memory that it has at the end is the peak.
      using device = await requestDevice({ kind: options.device });
      rows.push(await measure(device, { side, iterations: Math.min(options.iterations, 10) }));
    } catch (error) {
      notes.push(`${side} x ${side}: ${error instanceof Error ? error.message : error}`);
      break;
    }
  }
  report.print({
    title: "scale, f32, one square matrix, medians",
    columns: Object.keys(rows[0] ?? {}),
    rows,
    notes,
  });
}

async function measure(
  device: Device,
  { side, iterations }: { readonly side: number; readonly iterations: number },
) {
  const count = side * side;
  const empty = device.statistics().liveBytes;
  using workload = new Workload(device, { shapes: [[side, side]], dtype: "f32" });
  const own = device.statistics().liveBytes - empty;
  await workload.optimizer.step();
  const { liveBytes, pooledBytes } = device.statistics();
  const times = await timesOf(iterations, () => workload.optimizer.step());
  const state = await workload.optimizer.stateDict();
  const stateBytes = Object.values(state).reduce((sum, { rowMeans, colMeans, means }) => {
    return sum + rowMeans.byteLength + colMeans.byteLength + means.byteLength;
  }, 0);
  const beyond = liveBytes + pooledBytes - own;
  return {
    elements: count,
    "step (ms)": median(times),
    "ns / element": 1e6 * median(times) / count,
    "state (KiB)": stateBytes / 1024,
    "held (KiB)": (liveBytes - own) / 1024,
    "peak (KiB)": beyond / 1024,
    "peak / (p + g) (%)": 100 * beyond / (8 * count),
  };
}
