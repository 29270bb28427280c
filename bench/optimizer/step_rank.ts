// One rank that steps a layer whenever it is asked to: `deno bench` times the steps of all ranks together.
//
//   bench                                rank
//   prepare <cut> <dtype> <side>   ->    makes the layer and steps it once
//                                  <-    ready
//   step                           ->    steps it
//                                  <-    done
//
// Of a layer that is not cut only rank 0 has one: the others answer at once.

import {
  type DistributedAdaFactor,
  launchFromEnv,
  type ProcessGroup,
  ProcessGroupMesh,
  requestDevice,
} from "../../mod.ts";
import { LineChannel } from "../collectives/line_channel.ts";
import { DTYPES } from "./options.ts";
import { CUTS, splitLayerOptimizer, type SplitLayerOptions } from "./split_layer.ts";

if (import.meta.main) await serve(Deno.args);

/** Serves the benchmark until it closes the connection. */
async function serve([port, token]: readonly string[]): Promise<void> {
  await using world = await launchFromEnv();
  using device = await requestDevice({ kind: "wasm" });
  const mesh = new ProcessGroupMesh(world.worldSize, 1);
  const group = await mesh.getGroupAlongAxis(0);
  using channel = new LineChannel(
    await Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
  );
  await channel.send(`rank ${world.rank} ${token}`);
  let scope = new DisposableStack();
  let optimizer: DistributedAdaFactor | undefined;
  for (let line = await channel.receive(); line !== undefined; line = await channel.receive()) {
    const [word, ...layer] = line.split(" ");
    if (word === "prepare") {
      scope.dispose();
      scope = new DisposableStack();
      const wanted = parseLayer(layer, { group, scope });
      const isIdle = wanted.cut === "base" && group.rank !== 0;
      optimizer = isIdle ? undefined : splitLayerOptimizer(device, wanted);
    }
    await optimizer?.step();
    await channel.send(word === "prepare" ? "ready" : "done");
  }
  scope.dispose();
}

function parseLayer(
  [cutName, dtypeName, side]: readonly string[],
  place: { readonly group: ProcessGroup; readonly scope: DisposableStack },
): SplitLayerOptions {
  const cut = CUTS.find((name) => name === cutName)!;
  const dtype = DTYPES.find((name) => name === dtypeName)!;
  return { cut, dtype, side: Number(side), ...place };
}
