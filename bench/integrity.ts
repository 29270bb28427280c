// What keyed sums cost an all-reduce over TCP, beside checksums: two worlds of the same two processes, which take turns.
//
//   deno run -P=train src/cli/launch.ts --ranks 2 bench/integrity.ts [bytes ...] [--rounds n]
//
// A round is one block of calls in each world, the order changing from round to round, so that what else the machine does hits
// both alike. Printed are medians over blocks of the time and of the CPU time of a call on rank 0, and the median and the
// quartiles of the rounds' ratios, keyed sums over checksums.

import process from "node:process";
import { parseArgs } from "node:util";
import { freePort } from "../src/distributed/launcher/free_port.ts";
import { optionsFromEnv } from "../src/distributed/launch.ts";
import { World } from "../src/distributed/world.ts";
import type { ProcessGroup } from "../src/distributed/group.ts";

/** Rounds that do not count. */
const WARMUP = 20;
/** Bytes that are summed in a block, if that is not too few or too many calls. */
const BLOCK_BYTES = 16 << 20;
const LEAST_CALLS = 3;
const MOST_CALLS = 200;

const { values: flags, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "201" } },
  allowPositionals: true,
});
const rounds = Number(flags.rounds);
const sizes = positionals.length > 0 ? positionals.map(Number) : [8, 512 << 10, 8 << 20];

const job = { ...optionsFromEnv(Deno.env), sameHost: "tcp" } as const;
await using checksums = await World.join({ ...job, integrity: "checksum" });
const port = Int32Array.of(freePort());
await checksums.group.broadcast(port, 0);
await using keyed = await World.join({ ...job, integrity: "keyed", port: port[0] });

const print = (...columns: readonly string[]) => {
  if (keyed.rank === 0) console.log(columns.map((each) => each.padStart(22)).join(""));
};
print("bytes", "checksum, us (CPU)", "keyed, us (CPU)", "ratio (quartiles)", "of CPU (quartiles)");
for (const bytes of sizes) {
  const blocks = { keyed: new Array<Block>(), checksums: new Array<Block>() };
  const values = new Float32Array(bytes / Float32Array.BYTES_PER_ELEMENT);
  for (let round = -WARMUP; round < rounds; round++) {
    const turns = [["keyed", keyed], ["checksums", checksums]] as const;
    for (const [name, world] of round % 2 === 0 ? turns : turns.toReversed()) {
      const block = await measure(world.group, values);
      if (round >= 0) blocks[name].push(block);
    }
  }
  const ratios = (of: keyof Block) =>
    blocks.keyed.map((block, round) => block[of] / blocks.checksums[round][of]);
  const median = (name: keyof typeof blocks) =>
    (["time", "cpu"] as const).map((of) => quantile(blocks[name].map((each) => each[of]), 0.5));
  const shown = ([time, cpu]: readonly number[]) => `${time.toFixed(1)} (${cpu.toFixed(1)})`;
  print(
    `${bytes}`,
    shown(median("checksums")),
    shown(median("keyed")),
    ...(["time", "cpu"] as const).map((of) =>
      [0.5, 0.25, 0.75].map((share) => quantile(ratios(of), share).toFixed(3))
    ).map(([middle, low, high]) => `${middle} (${low}-${high})`),
  );
}

/** Microseconds of one call: the median of a block, and the CPU time of the process on average. */
interface Block {
  readonly time: number;
  readonly cpu: number;
}

async function measure(group: ProcessGroup, values: Float32Array): Promise<Block> {
  const num = Math.min(
    MOST_CALLS,
    Math.max(LEAST_CALLS, Math.ceil(BLOCK_BYTES / values.byteLength)),
  );
  await group.barrier();
  const before = process.cpuUsage();
  const times: number[] = [];
  for (let call = 0; call < num; call++) {
    const begin = performance.now();
    await group.allReduce(values);
    times.push(1e3 * (performance.now() - begin));
  }
  const { user, system } = process.cpuUsage(before);
  return { time: quantile(times, 0.5), cpu: (user + system) / num };
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * values.length)];
}
