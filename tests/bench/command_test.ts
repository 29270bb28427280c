// The whole benchmark of collectives, over real processes: that it measures, never how fast.

import assert from "node:assert/strict";
import { OPS } from "../../bench/collectives/sweep.ts";

const COMMAND = new URL("../../bench/collectives.ts", import.meta.url);

interface Run {
  readonly code: number;
  // deno-lint-ignore no-explicit-any
  readonly lines: readonly any[];
  readonly stderr: string;
}

function command(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", COMMAND.href, ...args],
    env: { ...env },
    stdout: "piped",
    stderr: "piped",
  });
}

async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const { code, stdout, stderr } = await command([...args, "--json"], env).output();
  const [written, said] = [stdout, stderr].map((each) => new TextDecoder().decode(each));
  const lines = written.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  return { code, lines, stderr: said };
}

function has(program: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}

const SHORT = ["-b", "4", "-e", "4K", "-f", "32", "-n", "3", "-w", "1"];

Deno.test("./run bench collectives verifies and measures every collective at every size", async () => {
  const { code, lines, stderr } = await runCommand([...SHORT, "--ranks", "3", "--op", "all"]);
  assert.equal(code, 0, stderr);
  const kinds = lines.slice(0, 3).map(({ kind, transport }) => [kind, transport]);
  assert.deepEqual(kinds, [["machine", undefined], ["socket", "tcp"], ["socket", "unix"]]);
  const rows = lines.slice(3);
  const wanted = OPS.flatMap((op) => [4, 128, 4096].map((bytes) => [op, 3, bytes, bytes / 4]));
  assert.deepEqual(rows.map(({ op, ranks, bytes, count }) => [op, ranks, bytes, count]), wanted);
  for (const { op, min, p50, p99, algbw, limit, peers, transport, socket } of rows) {
    assert.ok(0 < min && min <= p50 && p50 <= p99 && algbw > 0);
    assert.ok(transport === "unix" && socket.roundTrip > 0 && socket.oneWay > 0);
    assert.ok(limit.microseconds > 0);
    assert.equal(limit.by === "exchange", op !== "broadcast");
    assert.deepEqual(peers, {});
  }
});

Deno.test("a peer that is not installed gives a message, and the rest runs", async () => {
  const args = [...SHORT, "--ranks", "2", "--peer", "mpi,gloo"];
  const { code, lines, stderr } = await runCommand(args, { PATH: "/nowhere" });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /mpi is left out: mpicc was not found: install Open MPI/);
  assert.match(stderr, /gloo is left out: python3 has no PyTorch/);
  assert.equal(lines.filter(({ kind }) => kind === "row").length, 3);
});

Deno.test("--transport and --algorithm measure ours in several ways beside each other", async () => {
  const ways = ["--transport", "tcp,unix", "--algorithm", "ring", "two-shot:0-max"];
  const { code, lines, stderr } = await runCommand([...SHORT, "-e", "4", "--ranks", "2", ...ways]);
  assert.equal(code, 0, stderr);
  const rows = lines.filter(({ kind }) => kind === "row");
  assert.deepEqual(rows.map(({ transport, algorithm }) => `${transport} ${algorithm}`), [
    "tcp ring",
    "tcp two-shot",
    "unix ring",
    "unix two-shot",
  ]);
});

Deno.test("an algorithm that the collective does not have is refused", async () => {
  const { code, stderr } = await runCommand(["--algorithm", "magic"]);
  assert.equal(code, 2);
  assert.match(stderr, /"magic" in "magic" is not an algorithm of allReduce/);
});

Deno.test("a wrong option ends the command with 2", async () => {
  const { code, stderr } = await runCommand(["--ranks", "1"]);
  assert.equal(code, 2);
  assert.match(stderr, /An integer from 2 on is needed/);
});

Deno.test("Ctrl-C stops the command and all ranks", async () => {
  await using child = command(["--ranks", "2", "-b", "8", "-e", "8", "-n", "10000000"]).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("algorithm")) text += (await reader.read()).value ?? "";
  child.kill("SIGINT");
  await reader.cancel();
  const stderr = await new Response(child.stderr).text();
  assert.equal((await child.status).code, 130, stderr);
  assert.match(stderr, /interrupted/);
});

if (has("mpicc") && has("mpirun")) {
  Deno.test("Open MPI verifies and measures the same calls", async () => {
    const args = [...SHORT, "--ranks", "3", "--op", "all", "--peer", "mpi"];
    const { code, lines, stderr } = await runCommand(args);
    assert.equal(code, 0, stderr);
    const rows = lines.filter(({ kind }) => kind === "row");
    assert.equal(rows.length, 12);
    for (const { op, bytes, peers } of rows) {
      assert.ok(peers.mpi?.p50 > 0, `${op} ${bytes}\n${stderr}`);
    }
  });
} else {
  Deno.test.ignore(
    "Open MPI verifies and measures the same calls [skipped: no Open MPI]",
    () => {},
  );
}
