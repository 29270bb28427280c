// Training steps of each shape on each mesh, in parts, beside the peers'.

import { newModel, RandomSource, requestDevice, savePretrained } from "../../mod.ts";
import type { Cell, Report } from "../optimizer/report.ts";
import { askEach, startAll, type WantedPeers } from "./contestants.ts";
import type { Mesh, Options, PeerName } from "./options.ts";
import { peakBytes, resetPeak } from "./peak_memory.ts";
import type { StepsAnswer, StepTimes } from "./request.ts";
import { configOf, operationsOf, type Shape } from "./shape.ts";

/** Prints a row per shape and mesh. */
export async function measureSteps(
  { options, report, wanted }: {
    readonly options: Options;
    readonly report: Report;
    readonly wanted: WantedPeers;
  },
): Promise<void> {
  const rows: Record<string, Cell>[] = [];
  const warnings: string[] = [];
  for (const shape of options.shapes) {
    const folder = await Deno.makeTempDir({ prefix: "meshfactor-" });
    try {
      const parameters = await saveWeights(shape, folder);
      for (const mesh of options.meshes) {
        const measured = await measure({ options, wanted }, { shape, folder, mesh });
        rows.push(rowOf({ shape, mesh, parameters, measured }));
        warnings.push(...differencesIn(measured).map((each) => `${shape.name}: ${each}`));
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  report.print({
    title: "training steps of GPT-2 in f32, the quickest of each",
    columns,
    rows,
    notes: [
      "mesh: tensor x ZeRO (stage 2); exchange: a collective was under way and no kernel ran, in no other column",
      "others / ours: time of a step over ours, above 1 ours is faster; they have as many threads as we have ranks",
      "peak: memory of the process, of all ranks together",
      ...warnings,
    ],
  });
}

/** Random weights that all contestants begin with. @returns how many there are */
async function saveWeights(shape: Shape, folder: string): Promise<number> {
  using device = await requestDevice({ kind: "wasm" });
  using model = newModel(device, configOf(shape), { random: new RandomSource(1) });
  await savePretrained(model, folder);
  return model.parameters().reduce((sum, { length }) => sum + length, 0);
}

/** Answers of all turns. */
interface Measured {
  readonly steps: StepTimes[];
  readonly losses: number[];
  peak: number | undefined;
}

async function measure(
  { options, wanted }: { readonly options: Options; readonly wanted: WantedPeers },
  { shape, folder, mesh }: {
    readonly shape: Shape;
    readonly folder: string;
    readonly mesh: Mesh;
  },
): Promise<ReadonlyMap<"ours" | PeerName, Measured>> {
  const { device, turns } = options;
  await using stack = new AsyncDisposableStack();
  const threads = mesh.tensor * mesh.zero;
  const contestants = await startAll({ shape, folder, ...mesh, threads, device }, wanted, stack);
  const measured = new Map<"ours" | PeerName, Measured>();
  const ask = async (count: number) => {
    const answers = await askEach<StepsAnswer>(contestants, { do: "steps", count }, wanted);
    for (const [name, ranks] of answers) {
      if (!measured.has(name)) measured.set(name, { steps: [], losses: [], peak: undefined });
      const { steps, losses } = measured.get(name)!;
      losses.push(...ranks[0].losses);
      steps.push(...meansOf(ranks.map(({ steps }) => steps)));
    }
    return answers;
  };
  // The first steps compile, and make room.
  const first = await ask(WARM_UP);
  const pids = new Map([...first].map(([name, ranks]) => [name, ranks.map(({ pid }) => pid)]));
  for (const pid of [...pids.values()].flat()) await resetPeak(pid);
  const { whole } = measured.get("ours")!.steps.at(-1)!;
  const fitting = Math.max(1, Math.floor(TURN_MS / whole));
  const count = Math.min(fitting, Math.ceil(options.iterations / turns));
  for (let turn = 0; turn < turns; turn++) await ask(count);
  for (const [name, each] of measured) {
    const peaks = await Promise.all(pids.get(name)!.map(peakBytes));
    if (peaks.every((peak) => peak !== undefined)) each.peak = peaks.reduce((a, b) => a + b);
    each.steps.splice(0, WARM_UP);
  }
  return measured;
}

const WARM_UP = 2;
/** About so long ours take in a turn, where a step is shorter. */
const TURN_MS = 3_000;

/** Step by step the means over ranks. */
function meansOf(ranks: readonly (readonly StepTimes[])[]): StepTimes[] {
  const names = ["whole", "forward", "backward", "exchange", "update"] as const;
  return ranks[0].map((_, step) => {
    const known = names.filter((name) => ranks[0][step][name] !== undefined);
    return Object.fromEntries(known.map((name) => [
      name,
      ranks.reduce((sum, steps) => sum + steps[step][name]!, 0) / ranks.length,
    ])) as unknown as StepTimes;
  });
}

/** The peers that train something else, so that their times mean nothing. */
function differencesIn(measured: ReadonlyMap<"ours" | PeerName, Measured>): string[] {
  const ours = measured.get("ours")!.losses.slice(0, COMPARED_STEPS);
  return [...measured].flatMap(([name, { losses }]) => {
    const largest = Math.max(...ours.map((loss, k) => Math.abs(losses[k] / loss - 1)));
    if (largest <= LARGEST_DIFFERENCE) return [];
    return [`${name} does not train the same: losses differ by ${largest.toExponential(1)}`];
  });
}

const COMPARED_STEPS = 5;
/** Relative. */
const LARGEST_DIFFERENCE = 1e-3;

function rowOf({ shape, mesh, parameters, measured }: {
  readonly shape: Shape;
  readonly mesh: Mesh;
  readonly parameters: number;
  readonly measured: ReadonlyMap<"ours" | PeerName, Measured>;
}): Record<string, Cell> {
  const quickest = (name: "ours" | PeerName) =>
    measured.get(name)!.steps.reduce((a, b) => b.whole < a.whole ? b : a);
  const { whole, forward, backward, exchange, update } = quickest("ours");
  const { peak } = measured.get("ours")!;
  const tokens = shape.batch * shape.context;
  const row: Record<string, Cell> = {
    "shape": shape.name,
    "parameters (M)": parameters / 1e6,
    "tokens": tokens,
    "mesh": `${mesh.tensor} x ${mesh.zero}`,
    "step (ms)": whole,
    "tokens/s": 1e3 * tokens / whole,
    forward,
    backward,
    exchange,
    update,
    "GFLOP/s": operationsOf(shape) / whole / 1e6,
    "peak (MB)": peak && peak / 1e6,
  };
  for (const [name, each] of measured) {
    if (name === "ours") continue;
    row[`${name} (ms)`] = quickest(name).whole;
    row[`${name} / ours`] = quickest(name).whole / whole;
    row[`${name} peak (MB)`] = each.peak && each.peak / 1e6;
  }
  return row;
}
