// `deno bench` as a user runs it, at a small size: what it measures and compares, never how fast.

import assert from "node:assert/strict";
import { StepRanks } from "../../bench/optimizer/step_ranks.ts";
import config from "../../deno.json" with { type: "json" };
import { findAdapter } from "../../src/device/webgpu/adapter.ts";

const ROOT = new URL("../../", import.meta.url);
const FILE = "bench/adafactor_bench.ts";
const STEP = "Adafactor step, 32 x 32";

/** A group: the names of its benchmarks, the first of which is the baseline. */
type Groups = Readonly<Record<string, readonly string[]>>;

const DEVICE_GROUPS: Groups = Object.fromEntries(
  ["wasm", ...(await findAdapter() === null ? [] : ["webgpu"])].map((kind) => [
    `${STEP}, ${kind}`,
    ["f32", "bf16", "f16"].map((dtype) => `${kind}: ${dtype}`),
  ]),
);

const RANK_GROUPS: Groups = Object.fromEntries([2, 4].map((ranks) => [
  `${STEP}, wasm, ${ranks} ranks`,
  [
    ...["f32 on one of them", "f32, column parallel", "bf16, column parallel"],
    ...["f16, column parallel", "f32, row parallel", "bf16, row parallel", "f16, row parallel"],
  ].map((name) => `${ranks} ranks: ${name}`),
]));

Deno.test("deno bench -P=bench times Adafactor on each device, then on ranks, beside f32", async () => {
  const { groups, text } = await denoBench(["-P=bench"]);
  assert.deepEqual(Object.entries(groups), Object.entries({ ...DEVICE_GROUPS, ...RANK_GROUPS }));
  assert.doesNotMatch(text, /ranks are left out/);
});

Deno.test("deno bench without permissions asks for none, and says how to measure ranks", async () => {
  const { groups, text } = await denoBench([]);
  assert.deepEqual(Object.entries(groups), Object.entries(DEVICE_GROUPS));
  assert.match(text, /ranks are left out, as they need permissions: deno bench -P=bench/);
});

Deno.test("deno bench without arguments begins with Adafactor, and is not refused", () => {
  const files = config.bench.include;
  assert.equal(files[0], FILE);
  assert.deepEqual(files, files.toSorted(), "Deno takes files by name, not in this order");
  // With permissions in `bench`, Deno refuses to run without a flag for permissions.
  assert.ok(!Object.hasOwn(config.bench, "permissions"));
});

Deno.test("deno bench refuses a size that is none", async () => {
  const { code, stdout } = await run(["--no-prompt", FILE, "--", "--size", "0"]);
  assert.notEqual(code, 0);
  assert.match(stdout, /--size takes a positive integer, not 0/);
});

Deno.test("StepRanks fail with what the rank said that could not make the layer", async () => {
  await using ranks = new StepRanks(2);
  await ranks.prepare({ cut: "column", dtype: "f32", side: 8 });
  await ranks.step();
  await assert.rejects(
    ranks.prepare({ cut: "row", dtype: "f32", side: -1 }),
    /rank \d ended with code 1\n.*-1/s,
  );
});

/** Runs `deno bench` on Adafactor; every benchmark must have run. */
async function denoBench(permissions: readonly string[]): Promise<{
  readonly groups: Groups;
  readonly text: string;
}> {
  const options = ["--size", "32", "--iterations", "1"];
  const args = ["--no-prompt", ...permissions, "--json", FILE, "--", ...options];
  const { code, stdout, stderr } = await run(args);
  assert.equal(code, 0, stderr);
  const start = stdout.indexOf("{\n");
  const { benches }: { benches: Bench[] } = JSON.parse(stdout.slice(start));
  for (const { name, results } of benches) {
    assert.equal(results.length, 1, name);
    assert.ok(results[0].ok !== undefined && results[0].ok.avg > 0, name);
  }
  const byGroup = Object.groupBy(benches, ({ group }) => group);
  for (const [group, members] of Object.entries(byGroup)) {
    assert.deepEqual(
      members!.map(({ baseline }) => baseline),
      members!.map((_, k) => k === 0),
      group,
    );
  }
  const groups = Object.fromEntries(
    Object.entries(byGroup).map(([group, members]) => [group, members!.map(({ name }) => name)]),
  );
  return { groups, text: stdout.slice(0, start) };
}

interface Bench {
  readonly group: string;
  readonly name: string;
  readonly baseline: boolean;
  readonly results: readonly { readonly ok?: { readonly avg: number } }[];
}

async function run(args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bench", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const [written, said] = [stdout, stderr].map((each) => new TextDecoder().decode(each));
  return { code, stdout: written, stderr: said };
}
