// A rank that makes a few calls of different lengths and exits right after.

import { launchFromEnv } from "../../../src/distributed/launch.ts";

await using world = await launchFromEnv();
const pair = await world.createGroup(world.rank < 2 ? [0, 1] : [2, 3]);
for (const length of [1, 1_000, 100_000]) {
  await pair.allReduce(new Float32Array(length));
  const values = new Float32Array(length).fill(1);
  await world.group.allReduce(values);
  if (length === 100_000) console.log(`sum ${values.at(-1)}`);
}
