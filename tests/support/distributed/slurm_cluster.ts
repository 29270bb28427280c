// A Slurm cluster of this one machine, for tests: munged, slurmctld and slurmd in a folder and on ports of their own (Debian's
// packages munge, slurmctld, slurmd and slurm-client; as root).
//
// It claims more CPUs than there are (config_overrides), as ranks of tests hardly compute, and an interactive shell of salloc
// is a step (use_interactive_step), as on most clusters.

import { freePort } from "../../../src/distributed/launcher/free_port.ts";
import { missingCommand } from "./missing_command.ts";

/** The reason why there can be no cluster here; undefined if there can. */
export async function slurmMissing(): Promise<string | undefined> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "a Slurm cluster needs Linux and root";
  for (const command of ["munged", "slurmctld", "slurmd", "srun"]) {
    const missing = await missingCommand(command);
    if (missing !== undefined) return missing;
  }
  return undefined;
}

/** A running cluster; dispose it to stop it. */
export class SlurmCluster implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts a cluster and waits until its node is idle. @throws {Error} with the logs if it does not start. */
  static async start(): Promise<SlurmCluster> {
    const cluster = new SlurmCluster(await Deno.makeTempDir({ prefix: "slurm" }));
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Variables by which Slurm's commands find the cluster. */
  get env(): Readonly<Record<string, string>> {
    return { SLURM_CONF: `${this.#folder}/slurm.conf` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of ["slurmd", "slurmctld", "munged"]) {
      const id = await Deno.readTextFile(`${this.#folder}/${daemon}.pid`).catch(() => "");
      if (id === "") continue;
      Deno.kill(Number(id), "SIGTERM");
      while (await exists(Number(id))) await sleep();
    }
    // A step's daemon, slurmstepd, may still write into it.
    while (true) {
      try {
        return await Deno.remove(this.#folder, { recursive: true });
      } catch (error) {
        if (!String(error).includes("not empty")) throw error;
        await sleep();
      }
    }
  }

  /** Resolves when the job `id` has left the queue. */
  async finished(id: string): Promise<void> {
    while (await this.#ask("squeue", ["-h", "-o", "%T", "-j", id]) !== "") await sleep();
  }

  async #ask(command: string, args: readonly string[]): Promise<string> {
    const { stdout } = await new Deno.Command(command, { args: [...args], env: this.env }).output();
    return new TextDecoder().decode(stdout).trim();
  }

  async #start(): Promise<void> {
    const folder = this.#folder;
    const file = (name: string) => `${folder}/${name}`;
    // Its clients may be other users.
    await Deno.chmod(folder, 0o755);
    await Deno.writeFile(file("key"), crypto.getRandomValues(new Uint8Array(128)), { mode: 0o600 });
    const host = Deno.hostname().split(".")[0];
    await Deno.writeTextFile(file("slurm.conf"), configuration(folder, host));
    await run("munged", [
      "--force",
      `--socket=${file("munge.sock")}`,
      `--key-file=${file("key")}`,
      `--pid-file=${file("munged.pid")}`,
      `--log-file=${file("munged.log")}`,
      `--seed-file=${file("seed")}`,
    ]);
    await run("slurmctld", ["-f", file("slurm.conf")]);
    await run("slurmd", ["-f", file("slurm.conf"), "-N", host]);
    for (let waited = 0; waited < MAX_WAIT_MS; waited += WAIT_MS) {
      const { stdout } = await new Deno.Command("sinfo", {
        args: ["-h", "-o", "%T"],
        env: this.env,
      })
        .output();
      if (new TextDecoder().decode(stdout).trim() === "idle") return;
      await sleep();
    }
    const logs = ["slurmctld.log", "slurmd.log"].map((name) => Deno.readTextFileSync(file(name)));
    throw new Error(`Slurm's node did not become idle:\n${logs.join("\n")}`);
  }
}

function configuration(folder: string, host: string): string {
  return `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${freePort()}
SlurmdPort=${freePort()}
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.sock
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=${folder}
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0
LaunchParameters=use_interactive_step
NodeName=${host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdout: "null",
  }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
}

async function exists(id: number): Promise<boolean> {
  // A daemon whose parent does not wait for it stays as a zombie.
  const stat = await Deno.readTextFile(`/proc/${id}/stat`).catch(() => ") Z");
  return !/\) Z/.test(stat);
}

function sleep(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, WAIT_MS));
}

const WAIT_MS = 50;
const MAX_WAIT_MS = 10_000;
