// Products of square matrices, beside the peers' and beside what the device multiplies and adds in registers.

import type { Cell, Report } from "../optimizer/report.ts";
import { askEach, startAll, type WantedPeers } from "./contestants.ts";
import type { Options, PeerName } from "./options.ts";
import type { LimitAnswer, MatmulAnswer } from "./request.ts";

/** Prints a row per size. */
export async function measureMatmul(
  { options, report, wanted }: {
    readonly options: Options;
    readonly report: Report;
    readonly wanted: WantedPeers;
  },
): Promise<void> {
  const { device, sizes, turns } = options;
  await using stack = new AsyncDisposableStack();
  const job = { tensor: 1, zero: 1, threads: 1, device };
  const contestants = await startAll(job, wanted, stack);
  const ours = new Map([["ours" as const, contestants.get("ours")!]]);
  const calls = Math.ceil(options.iterations / turns);
  const rows: Record<string, Cell>[] = [];
  for (const size of sizes) {
    const times = new Map<"ours" | PeerName, number[]>();
    let limit: LimitAnswer = { gflops: 0 };
    for (let turn = 0; turn < turns; turn++) {
      const request = { do: "matmul", m: size, n: size, k: size, calls };
      const answers = await askEach<MatmulAnswer>(contestants, request, wanted);
      for (const [name, [{ milliseconds }]] of answers) {
        times.set(name, [...times.get(name) ?? [], ...milliseconds]);
      }
      const [now] = (await askEach<LimitAnswer>(ours, { do: "limit" }, wanted)).get("ours")!;
      if (now.gflops > limit.gflops) limit = now;
    }
    rows.push(rowOf({ size, times, limit }));
  }
  report.print({
    title: "a b of [n, n], the quickest of each",
    columns: Object.keys(rows[0]),
    rows,
    notes: [
      "limit: multiplications and additions in registers, the best of the same turns; fused: the same in one instruction",
      "others / ours: time over our time, above 1 ours is faster",
      device === "wasm" ? "all on one thread" : "torch on one thread of the CPU",
    ],
  });
}

function rowOf({ size, times, limit }: {
  readonly size: number;
  readonly times: ReadonlyMap<"ours" | PeerName, readonly number[]>;
  readonly limit: LimitAnswer;
}): Record<string, Cell> {
  const quickest = (name: "ours" | PeerName) => Math.min(...times.get(name)!);
  const own = quickest("ours");
  const rate = (milliseconds: number) => 2 * size ** 3 / milliseconds / 1e6;
  const row: Record<string, Cell> = {
    "n": size,
    "ours (ms)": own,
    "GFLOP/s": rate(own),
    "limit": limit.gflops,
    "share": rate(own) / limit.gflops,
  };
  if (limit.fused !== undefined) row["fused"] = limit.fused;
  for (const name of times.keys()) {
    if (name === "ours") continue;
    row[`${name} (GFLOP/s)`] = rate(quickest(name));
    row[`${name} / ours`] = quickest(name) / own;
  }
  return row;
}
