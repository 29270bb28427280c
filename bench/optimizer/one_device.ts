// One matrix on one device: the time of a step, beside PyTorch's and beside a plain copy of as many bytes.
//
//   bytes   what must move: three reads of g, one read and one write of p    3 + 2 = 5 elements of 4 or 2 bytes
//   GPU     the time of a step's kernels by the GPU's clock, without the host's overhead
//   copy    GB/s of a plain copy on the same device, read and written bytes together
//   share   the step's GB/s over the copy's, both by the GPU's clock where there is one
//
// Ours and the others take turns. On a GPU so do PyTorch's optimizers: they run on it through CUDA.

import type { Device } from "../../mod.ts";
import { TORCH_OPTIMIZERS, TorchAdafactor } from "../peers/torch_adafactor.ts";
import type { Dtype, Options } from "./options.ts";
import type { Cell, Report } from "./report.ts";
import { CopyLimit, median, type Times, timesOn } from "./timing.ts";
import { Workload } from "./workload.ts";

/** Prints a row per dtype. */
export async function measureOneDevice(
  device: Device,
  { options, report }: { readonly options: Options; readonly report: Report },
): Promise<void> {
  const rows = [];
  for (const dtype of options.dtypes) rows.push(await measure(device, { options, dtype }));
  const gpu = rows.some((row) => row["GPU (ms)"] !== undefined) ? ["GPU (ms)"] : [];
  const peers = options.peer === "none" ? [] : TORCH_OPTIMIZERS.flatMap((name) => [
    `${name} (ms)`,
    `${name} / ours`,
  ]);
  const where = device.kind === "webgpu" ? "on CUDA" : `on ${threads()} threads`;
  report.print({
    title: `one step, ${options.size} x ${options.size}, medians`,
    columns: [
      ...["dtype", "ours (ms)", ...gpu, "moved (MB)", "GB/s", "copy (GB/s)", "share", ...peers],
    ],
    rows,
    notes: options.peer === "none" ? [] : [`the peers ${where}`],
  });
}

async function measure(
  device: Device,
  { options, dtype }: { readonly options: Options; readonly dtype: Dtype },
): Promise<Record<string, Cell>> {
  const { size, turns } = options;
  const iterations = Math.ceil(options.iterations / turns);
  using workload = new Workload(device, { shapes: [[size, size]], dtype });
  using copy = new CopyLimit(device);
  const place = device.kind === "webgpu" ? "cuda" : "cpu";
  await using torch = options.peer === "none"
    ? undefined
    : await TorchAdafactor.start({ rows: size, columns: size, dtype, threads: threads(), place });
  const [ours, copies]: [Times[], Times[]] = [[], []];
  const theirs = new Map(TORCH_OPTIMIZERS.map((name): [typeof name, number[]] => [name, []]));
  for (let turn = 0; turn < turns; turn++) {
    ours.push(await timesOn(device, iterations, () => workload.optimizer.step()));
    copies.push(await copy.times(iterations));
    if (torch === undefined) continue;
    for (const [name, times] of theirs) times.push(...await torch.times(name, iterations));
  }
  const bytes = 5 * size * size * (dtype === "f32" ? 4 : 2);
  const wall = median(ours.flatMap(({ wall }) => wall));
  const gpu = ours.flatMap(({ gpu }) => gpu);
  const clock = gpu.length > 0 ? "gpu" : "wall";
  const rate = bytes / 1e6 / median(ours.flatMap((times) => times[clock]));
  const limit = copy.rate(copies.flatMap((times) => times[clock]));
  const row: Record<string, Cell> = {
    dtype,
    "ours (ms)": wall,
    "GPU (ms)": gpu.length > 0 ? median(gpu) : undefined,
    "moved (MB)": Math.round(bytes / 1e6),
    "GB/s": rate,
    "copy (GB/s)": limit,
    "share": rate / limit,
  };
  for (const [name, times] of theirs) {
    if (times.length === 0) continue;
    row[`${name} (ms)`] = median(times);
    row[`${name} / ours`] = median(times) / wall;
  }
  return row;
}

function threads(): number {
  return navigator.hardwareConcurrency;
}
