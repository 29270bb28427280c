// A rank over MPI, except for rank 1, which uses sockets.

import { launchFromEnv, optionsFromEnv } from "../../../src/distributed/launch.ts";

const transport = optionsFromEnv(Deno.env).rank === 1 ? "sockets" : "mpi";
await using world = await launchFromEnv({ transport, timeoutMs: 2_000 });
console.log(`rank ${world.rank} has joined`);
