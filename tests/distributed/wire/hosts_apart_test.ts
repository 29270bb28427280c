// Ranks on separate hosts: sums are right over a network with delay and loss, and a rank whose cable is pulled is named.

import { equal, match, ok } from "node:assert/strict";
import { missingFor, NetworkNamespaces } from "../../support/distributed/network_namespaces.ts";
import {
  type RankRun,
  runRanks,
  type RunRanksOptions,
} from "../../support/distributed/run_ranks.ts";

const STEPS = new URL("../programs/steps.ts", import.meta.url);
const BRIEF = new URL("../programs/brief.ts", import.meta.url);
const RANKS = 4;
const LOSSY = ["delay", "3ms", "1ms", "loss", "1%"];

const noLoss = await missingFor((hosts) => hosts.disturb(0, LOSSY));
const noCut = await missingFor((hosts) => hosts.cut(0));

hostsApartTest("ranks on four hosts find each other by the interface that they are given", {
  missing: noCut,
  body: requireSums,
});

hostsApartTest("ranks on four hosts sum right over delay and loss", {
  missing: noLoss,
  async body(hosts) {
    for (let host = 0; host < RANKS; host++) await hosts.disturb(host, LOSSY);
    await requireSums(hosts);
  },
});

hostsApartTest("a host whose cable is pulled is named by all others with the same error", {
  missing: noCut,
  async body(hosts) {
    let cutAt = 0;
    const runs = await runOn(hosts, {
      script: STEPS,
      args: ["--stall-timeout-ms", "2000"],
      onLine: (rank, text) => {
        if (rank !== 2 || text !== "step 20") return;
        cutAt = performance.now();
        void hosts.cut(2);
      },
    });
    const elapsed = performance.now() - cutAt;
    const errors = runs.map(({ stdout }) => stdout.at(-1) ?? "");
    match(errors[0], /"rank":2/);
    match(
      errors[0],
      /Rank 2 has stalled its peers for 2 s in allReduce \d+ of group \[.*\] after \d+ of \d+ bytes: it does not answer/,
    );
    for (const rank of [1, 3]) equal(errors[rank], errors[0]);
    match(errors[2], /Rank 2 .* it receives nothing from any other rank, so it is cut off/);
    ok(elapsed < 6000, `it took ${elapsed} ms`);
  },
});

async function requireSums(hosts: NetworkNamespaces): Promise<void> {
  for (const { code, stdout, stderr } of await runOn(hosts, { script: BRIEF })) {
    equal(code, 0, stderr.join("\n"));
    equal(stdout.at(-1), "sum 4");
  }
}

/** Registers a test that needs hosts; if they cannot be made it is skipped, with the reason in its name. */
function hostsApartTest(
  name: string,
  { missing, body }: {
    readonly missing: string | undefined;
    readonly body: (hosts: NetworkNamespaces) => Promise<void>;
  },
): void {
  Deno.test({
    name: missing === undefined ? name : `${name} [skipped: ${missing}]`,
    ignore: missing !== undefined,
    async fn() {
      await using hosts = await NetworkNamespaces.create(RANKS);
      await body(hosts);
    },
  });
}

function runOn(
  hosts: NetworkNamespaces,
  options: Omit<RunRanksOptions, "ranks">,
): Promise<RankRun[]> {
  return runRanks({
    env: { MESHFACTOR_INTERFACE: "eth0" },
    ...options,
    ranks: RANKS,
    host: hosts.address(0),
    before: (rank) => hosts.on(rank),
  });
}
