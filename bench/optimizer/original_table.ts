// The original's table: one weight with its bias, column and row parallel, against one device.
//
// ColossalAI measured optimizer.step() on GPUs joined by NCCL (4096 x 4096, averages over its iterations; its README of
// April 2024, colossalai/nn/optimizer at f77ffc2c6). Here a device is a rank: a process with one core's kernels, so
// where ranks exceed cores the wall time cannot fall, and each rank's own busy time says what a core each would bring.
// Medians over steps and ranks, as other load disturbs single times.

import { launchLocalRanks } from "../../src/distributed/launcher/local_ranks.ts";
import type { Dtype, Options } from "./options.ts";
import type { Cell, Report } from "./report.ts";
import type { Cut } from "./split_layer.ts";
import type { RankTimes } from "./table_rank.ts";
import { median } from "./timing.ts";

/** Its speed-ups over one device: column, row. */
const ORIGINAL: Readonly<Record<number, Readonly<Record<Dtype, readonly [number, number]>>>> = {
  2: { f32: [1.39, 0.96], f16: [1.33, 1.08], bf16: [1.31, 1.07] },
  4: { f32: [1.48, 0.95], f16: [1.44, 1.12], bf16: [1.29, 1.09] },
  8: { f32: [1.50, 0.67], f16: [0.87, 0.75], bf16: [1.31, 1.03] },
};

/** Prints a row per number of ranks and dtype. */
export async function measureOriginalTable(
  { options, report }: { readonly options: Options; readonly report: Report },
): Promise<void> {
  const rows: Record<string, Cell>[] = [];
  for (const ranks of options.ranks) {
    for (const dtype of options.dtypes) rows.push(await measure({ options, ranks, dtype }));
  }
  const cores = navigator.hardwareConcurrency;
  const crowded = options.ranks.filter((ranks) => ranks > cores);
  report.print({
    title: `the original's table, ${options.size} x ${options.size}, medians of a step`,
    columns: Object.keys(rows[0]),
    rows,
    notes: crowded.length === 0 ? [] : [
      `${crowded.join(" and ")} ranks share ${cores} cores: their wall times cannot fall below ` +
      `1/${cores} of one device's; "busy" is the CPU time of a rank and step, and its speed-up what a core each allows`,
    ],
  });
}

async function measure(
  { options, ranks, dtype }: {
    readonly options: Options;
    readonly ranks: number;
    readonly dtype: Dtype;
  },
): Promise<Record<string, Cell>> {
  const { size, turns, device } = options;
  const iterations = Math.ceil(options.iterations / turns);
  const times = await runRanks({
    ranks,
    args: [size, dtype, iterations, turns, device].map(String),
  });
  const wall = (cut: Cut) => median(times.flatMap((each) => each[cut]?.wall ?? []));
  const busy = (cut: Cut) => median(times.flatMap((each) => each[cut]?.busy ?? []));
  const [column, row] = ORIGINAL[ranks]?.[dtype] ?? [];
  return {
    ranks,
    dtype,
    "base (ms)": wall("base"),
    "column (ms)": wall("column"),
    "speed-up": wall("base") / wall("column"),
    "original's": column,
    "busy (ms)": busy("column"),
    "by busy": busy("base") / busy("column"),
    "row (ms)": wall("row"),
    "row speed-up": wall("base") / wall("row"),
    "row original's": row,
    "row busy (ms)": busy("row"),
    "row by busy": busy("base") / busy("row"),
  };
}

async function runRanks(
  { ranks, args }: { readonly ranks: number; readonly args: readonly string[] },
): Promise<RankTimes[]> {
  const times: RankTimes[] = [];
  const { failure } = await launchLocalRanks({
    ranks,
    script: new URL("table_rank.ts", import.meta.url).pathname,
    args,
    onLine: ({ stream, text }) => {
      if (stream === "stdout") times.push(JSON.parse(text));
      else console.error(text);
    },
  });
  if (failure !== undefined || times.length !== ranks) {
    throw new Error(`rank ${failure?.rank} of ${ranks} ended with ${failure?.code}`);
  }
  return times;
}
