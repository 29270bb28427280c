// allReduce over real processes, for 4 B to 16 MiB on 2 and 4 ranks of this machine.
//
//   deno bench -P=train bench/collectives_bench.ts
//
// This process is rank 0; the others run this file too, and serve until they are killed. Before each timed call rank 0
// broadcasts the count and all meet at a barrier; that is not timed.

import { freePort } from "../tests/dist/in_process_ranks.ts";
import { World } from "../src/dist/world.ts";

const SIZES = [2, 4];
const COUNTS = [1, 16_384, 262_144, 4_194_304];

if (Deno.env.get("MESHFACTOR_BENCH_RANK") !== undefined) await serve();
else for (const size of SIZES) await measure(size);

async function measure(size: number): Promise<void> {
  const port = freePort();
  const servers = Array.from(
    { length: size - 1 },
    (_, index) => startServer(index + 1, { size, port }),
  );
  const world = await join(0, { size, port });
  for (const count of COUNTS) {
    const values = new Float32Array(count);
    Deno.bench({
      name: `allReduce() of ${bytes(count)}, ${size} ranks`,
      group: `${size} ranks`,
      async fn(bench) {
        await world.group.broadcast(Float32Array.of(count), 0);
        await world.group.barrier();
        bench.start();
        await world.group.allReduce(values);
        bench.end();
      },
    });
  }
  addEventListener("unload", () => servers.forEach((server) => server.kill("SIGKILL")));
}

async function serve(): Promise<void> {
  const [rank, size, port] = ["RANK", "SIZE", "PORT"]
    .map((name) => Number(Deno.env.get(`MESHFACTOR_BENCH_${name}`)));
  await using world = await join(rank, { size, port });
  const buffers = new Map(COUNTS.map((count) => [count, new Float32Array(count)]));
  const message = new Float32Array(1);
  while (true) {
    await world.group.broadcast(message, 0);
    const values = buffers.get(message[0]);
    if (values === undefined) throw new RangeError(`Rank 0 asks for ${message[0]} elements`);
    await world.group.barrier();
    await world.group.allReduce(values);
  }
}

function join(rank: number, job: { readonly size: number; readonly port: number }): Promise<World> {
  // Benchmarks of other sizes run in between: no call is late here.
  const stallTimeoutMs = 24 * 3600 * 1000;
  return World.join({
    rank,
    worldSize: job.size,
    host: "127.0.0.1",
    port: job.port,
    stallTimeoutMs,
  });
}

function startServer(
  rank: number,
  job: { readonly size: number; readonly port: number },
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", import.meta.url],
    env: {
      MESHFACTOR_BENCH_RANK: String(rank),
      MESHFACTOR_BENCH_SIZE: String(job.size),
      MESHFACTOR_BENCH_PORT: String(job.port),
    },
    stdin: "null",
  }).spawn();
}

function bytes(count: number): string {
  const length = 4 * count;
  return length < 1024
    ? `${length} B`
    : length < 1 << 20
    ? `${length >> 10} KiB`
    : `${length >> 20} MiB`;
}
