// The program that launch_test.ts starts as ranks; the first argument selects what it does.

import { launchFromEnv } from "../../../src/distributed/launch.ts";

const [what] = Deno.args;
if (what !== "sum") console.log(`pid ${Deno.pid}`);
if (what === "ignore-sigterm") Deno.addSignalListener("SIGTERM", () => {});

await using world = await launchFromEnv();
switch (what) {
  case "sum": {
    const values = Float32Array.of(world.rank + 1);
    await world.group.allReduce(values);
    console.log(`sum ${values[0]}, arguments ${Deno.args.join(" ")}`);
    break;
  }
  case "throw":
    if (world.rank === 1) throw new Error("rank 1 has no data");
    // The others are notified in a collective, and may end before rank 1 does.
    await world.group.barrier();
    break;
  case "ignore-sigterm":
    if (world.rank === 0) Deno.exit(7);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    break;
  case "throw-alone":
    if (world.rank === 1) throw new Error("rank 1 has no data");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    break;
  case "wait":
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    break;
}
