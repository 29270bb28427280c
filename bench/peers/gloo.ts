// PyTorch's gloo on this host, as a contestant: gloo.py, one process per rank.

import { Contestant } from "../collectives/contestant.ts";
import type { Options } from "../collectives/options.ts";
import { pinned } from "../../src/distributed/launcher/cores.ts";
import { startCommands } from "./command.ts";

/**
 * Starts `ranks` processes of gloo.py with the Python that MESHFACTOR_PYTHON names, by default python3.
 *
 * @throws {Error} if there is no Python with PyTorch, or the ranks do not start.
 */
export async function startGloo(
  ranks: number,
  { cores, signal }: Pick<Options, "cores"> & { readonly signal: AbortSignal },
): Promise<Contestant> {
  const python = Deno.env.get("MESHFACTOR_PYTHON") ?? "python3";
  await requireTorch(python);
  const script = new URL("./gloo.py", import.meta.url).pathname;
  const rendezvousPort = freePort();
  return await Contestant.start({
    name: "gloo",
    ranks,
    signal,
    start: ({ hostname, port, token }) =>
      startCommands(
        Array.from({ length: ranks }, (_, rank) => {
          const before = cores === "own" ? pinned(rank, ranks) : [];
          const [program, ...args] = [...before, python, script, hostname, `${port}`, token];
          return {
            program,
            args,
            env: {
              RANK: `${rank}`,
              WORLD_SIZE: `${ranks}`,
              MASTER_ADDR: "127.0.0.1",
              MASTER_PORT: `${rendezvousPort}`,
              GLOO_SOCKET_IFNAME: "lo",
            },
          };
        }),
      ),
  });
}

async function requireTorch(python: string): Promise<void> {
  if (await hasTorch(python)) return;
  throw new Error(
    `${python} has no PyTorch with gloo: install it (pip install torch), or name a Python that has it in MESHFACTOR_PYTHON`,
  );
}

async function hasTorch(python: string): Promise<boolean> {
  const args = ["-c", "import torch.distributed as d; assert d.is_gloo_available()"];
  try {
    const { success } = await new Deno.Command(python, { args }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
