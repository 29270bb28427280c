// PyTorch, multiplying and training as bench/train asks, as a contestant: torch_train.py with the Python that
// MESHFACTOR_PYTHON names, by default python3.

import { Contestant } from "../collectives/contestant.ts";
import type { Job } from "../train/request.ts";
import { startCommands } from "./command.ts";

/** Starts it. @throws {Error} if there is no such Python, or it lacks PyTorch or transformers */
export async function startTorchTrain(job: Job, signal: AbortSignal): Promise<Contestant> {
  const python = Deno.env.get("MESHFACTOR_PYTHON") ?? "python3";
  await requireModules(python);
  const script = new URL("./torch_train.py", import.meta.url).pathname;
  return await Contestant.start({
    name: "torch",
    ranks: 1,
    signal,
    start: ({ hostname, port, token }) =>
      startCommands([{
        program: python,
        args: [script, hostname, `${port}`, token, JSON.stringify(job)],
      }]),
  });
}

async function requireModules(python: string): Promise<void> {
  if (await hasModules(python)) return;
  throw new Error(
    `${python} has no torch and transformers: install them (pip install torch transformers), or name a Python that has ` +
      "them in MESHFACTOR_PYTHON",
  );
}

async function hasModules(python: string): Promise<boolean> {
  try {
    const args = ["-c", "import torch, transformers"];
    const { success } = await new Deno.Command(python, { args }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
