// The manifests of examples/cluster train as under our launcher, in pods that are simulated: Kubernetes itself is not here.

import { deepEqual, equal } from "node:assert/strict";
import { lossesOf, wantedLosses } from "../../support/distributed/cluster_example.ts";
import { missingFor } from "../../support/distributed/network_namespaces.ts";
import { type PodSpec, readManifest, runPods } from "../../support/distributed/pods.ts";

const missing = await missingFor(() => Promise.resolve());

podsTest("an Indexed Job", async () => {
  const manifest = await readManifest("indexed_job.yaml");
  const [job, service] = [manifest.get("Job"), manifest.get("Service")];
  const { spec, metadata } = job;
  equal(spec.completionMode, "Indexed");
  equal(spec.parallelism, spec.completions, "all ranks run at the same time");
  equal(service.metadata.name, spec.template.spec.subdomain);
  deepEqual(service.spec.selector, { "job-name": metadata.name });
  const [container] = spec.template.spec.containers;
  return {
    numPods: spec.completions,
    nameOf: (index) => `${metadata.name}-${index}.${spec.template.spec.subdomain}`,
    command: [...container.command, ...container.args],
    env: container.env,
    added: (index) => ({ JOB_COMPLETION_INDEX: `${index}` }),
  };
});

podsTest("a JobSet", async () => {
  const { spec, metadata } = (await readManifest("jobset.yaml")).get("JobSet");
  const [set] = spec.replicatedJobs;
  equal(set.replicas, 1);
  const job = set.template.spec;
  equal(job.completionMode, "Indexed");
  equal(job.parallelism, job.completions, "all ranks run at the same time");
  const [container] = job.template.spec.containers;
  return {
    numPods: job.completions,
    nameOf: (index) => `${metadata.name}-${set.name}-0-${index}.${spec.network.subdomain}`,
    command: [...container.command, ...container.args],
    env: container.env,
    added: (index) => ({ JOB_COMPLETION_INDEX: `${index}` }),
  };
});

podsTest("a TrainJob of Kubeflow Trainer", async () => {
  const { spec: { trainer }, metadata: { name } } = (await readManifest("trainjob.yaml"))
    .get("TrainJob");
  return {
    numPods: trainer.numNodes,
    nameOf: (index) => `${name}-node-0-${index}.${name}`,
    command: [...trainer.command, ...trainer.args],
    env: trainer.env,
    // What its runtime torch-distributed adds.
    added: (index) => ({
      JOB_COMPLETION_INDEX: `${index}`,
      PET_NNODES: `${trainer.numNodes}`,
      PET_NPROC_PER_NODE: `${trainer.numProcPerNode}`,
      PET_NODE_RANK: `${index}`,
      PET_MASTER_ADDR: `${name}-node-0-0.${name}`,
      PET_MASTER_PORT: "29400",
    }),
  };
});

/** Registers a test that needs hosts; if they cannot be made it is skipped, with the reason in its name. */
function podsTest(what: string, pods: () => Promise<PodSpec>): void {
  const name = `${what} trains in simulated pods as under our launcher`;
  Deno.test({
    name: missing === undefined ? name : `${name} [skipped: ${missing}]`,
    ignore: missing !== undefined,
    async fn() {
      const runs = await runPods(await pods());
      for (const { code, stderr } of runs) equal(code, 0, stderr);
      deepEqual(lossesOf(runs.map(({ stdout }) => stdout).join("")), await wantedLosses());
    },
  });
}
