// Flags of the launcher from the variables of Kubeflow Trainer, by which it configures torchrun on each of its nodes:
//
//   PET_NNODES=2 PET_NODE_RANK=1 PET_NPROC_PER_NODE=4  ->  --nodes 2 --node 1 --ranks 4
//   PET_MASTER_ADDR=train-node-0-0.train PET_MASTER_PORT=29400  ->  --master-addr ... --master-port 29400
//
// An empty variable is not set. "auto", "cpu" and "gpu" processes per node are numbers that torchrun finds; they give no flag.

import type { Environment } from "./launcher_variables.ts";

/** The flags, in any order, to be put before those that the user gives, which override them. */
export function kubeflowFlags(env: Environment): readonly string[] {
  return Object.entries(FLAGS).flatMap(([variable, flag]) => {
    const value = env.get(variable) ?? "";
    return value === "" || FOUND_BY_TORCHRUN.includes(value) ? [] : [flag, value];
  });
}

const FLAGS = {
  PET_NPROC_PER_NODE: "--ranks",
  PET_NNODES: "--nodes",
  PET_NODE_RANK: "--node",
  PET_MASTER_ADDR: "--master-addr",
  PET_MASTER_PORT: "--master-port",
};
const FOUND_BY_TORCHRUN = ["auto", "cpu", "gpu", "xpu"];
