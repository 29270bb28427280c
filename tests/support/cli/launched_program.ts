// The program that launch_test.ts starts as ranks; the first argument selects what it does.

import { launchFromEnv } from "../../../src/distributed/launch.ts";

const [what] = Deno.args;
if (what === "ignore-sigterm" || what === "save-slowly") {
  Deno.addSignalListener("SIGTERM", () => {});
}
if (what !== "sum") console.log(`pid ${Deno.pid}`);

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
  case "save-slowly":
    console.error("saving the model");
    console.log("saves");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    break;
  case "helper":
    // A process that outlives this one and holds its pipes.
    new Deno.Command("sleep", { args: ["20"], stdin: "null" }).spawn().unref();
    console.error(`rank ${world.rank} has a helper`);
    if (world.rank === 1) Deno.exit(3);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    break;
  case "ask":
    if (world.rank === 0) Deno.stdout.writeSync(new TextEncoder().encode("Continue? "));
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    break;
  case "fail-until": {
    const count = Deno.env.get("MESHFACTOR_RESTART_COUNT");
    console.log(
      `restart ${count} ${Deno.env.get("TORCHELASTIC_RESTART_COUNT")} ` +
        `of ${Deno.env.get("TORCHELASTIC_MAX_RESTARTS")}`,
    );
    if (world.rank === 1 && Number(count) < Number(Deno.args[1])) {
      throw new Error(`process ${Deno.pid} of rank 1 has lost its disk`);
    }
    await world.group.barrier();
    break;
  }
  case "compute":
    console.log("computes");
    for (const begin = performance.now(); performance.now() - begin < 30_000;);
    break;
  case "stop-one":
    // As a training does: all leave together once one was asked to.
    if (world.rank === 1) Deno.addSignalListener("SIGTERM", () => Deno.exit(130));
    console.log("ready");
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
