// Strangers: a job that others can reach has a secret that cannot be found by trying, and nobody joins without it.

import { equal, match, ok, rejects } from "node:assert/strict";
import { dial } from "../../../src/distributed/wire/dial.ts";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";
import { importSecret } from "../../../src/distributed/wire/handshake.ts";
import { World } from "../../../src/distributed/world.ts";
import type { WorldOptions } from "../../../src/distributed/membership/world_options.ts";

const SECRET = "the secret of the job";
const STRANGER = new URL("../programs/stranger.ts", import.meta.url);
const NOBODY = 65534;

Deno.test("a rank that listens beyond this host needs a secret, whatever the address of rank 0", async () => {
  const job = { worldSize: 2, host: "127.0.0.1", port: freePort(), timeoutMs: 500 };
  const own = Deno.networkInterfaces().find(({ name }) => name !== "lo");
  const beyond: readonly (readonly [Partial<WorldOptions>, RegExp])[] = [
    [{ bind: "0.0.0.0" }, /would listen on 0\.0\.0\.0, which other hosts reach, and has no secret/],
    [{ bind: "::" }, /would listen on ::, /],
    [{ bind: "10.1.2.3", secret: "" }, /would listen on 10\.1\.2\.3, .*openssl rand -hex 32/],
    [{ advertise: "rank.example.org:29500" }, /would listen on rank\.example\.org, /],
    [{ host: "10.1.2.3" }, /job at 10\.1\.2\.3, which other hosts reach, needs a secret/],
    [{ host: "rank-0.example.org", secret: "" }, /job at rank-0\.example\.org, which other hosts/],
    ...(own === undefined ? [] : [[{ interface: own.name }, /which other hosts reach/] as const]),
  ];
  for (const rank of [0, 1]) {
    for (const [options, text] of beyond) {
      await rejects(World.join({ ...job, ...options, rank }), text);
      ok(isFree(job.port), "nothing listens");
    }
  }
});

Deno.test("a name that resolves to an address of another host is no loopback address", async () => {
  const { listen } = await import("../../../src/distributed/membership/own_address.ts");
  const { withDefaults } = await import("../../../src/distributed/membership/world_options.ts");
  const job = { rank: 0, worldSize: 2, host: "localhost", port: freePort() };
  // As if this host's file of names were wrong.
  const bound = { ...withDefaults(job), bind: "0.0.0.0" };
  await rejects(listen(bound), /Rank 0 would listen on 0\.0\.0\.0, .* no secret/);
  ok(isFree(job.port));
});

Deno.test("weak secrets are refused, on loopback too", async () => {
  const job = { rank: 0, worldSize: 2, host: "127.0.0.1", port: freePort() };
  await rejects(World.join({ ...job, secret: "s" }), /secret has 1 .* at least 22 are needed/);
  await rejects(
    World.join({ ...job, host: "10.1.2.3", secret: "0123456789abcdef" }),
    /secret has 16 hexadecimal digits, but at least 32 are needed \(128 bits\)/,
  );
});

Deno.test("nobody joins with an empty secret, neither a job without a secret nor one with it", async () => {
  for (const secret of ["", SECRET]) {
    const job = { worldSize: 2, host: "127.0.0.1", port: freePort(), timeoutMs: 10_000, secret };
    const rank0 = World.join({ ...job, rank: 0 });
    const address = { hostname: job.host, port: job.port };
    for (const guess of ["", "undefined", "secret"]) {
      await rejects(
        dial(address, {
          key: await importSecret(guess),
          tls: undefined,
          signal: AbortSignal.timeout(1_000),
          hello: () => ({
            kind: "hello",
            purpose: "join",
            rank: 1,
            to: 0,
            worldSize: 2,
            address,
            group: "",
          }),
        }),
        /another secret|closed|passed|refused/,
      );
    }
    const worlds = await Promise.all([rank0, World.join({ ...job, rank: 1 })]);
    for (const world of worlds) equal(world.worldSize, 2);
    await Promise.all(worlds.map((world) => world.close()));
  }
});

Deno.test("ranks with keyed sums and without refuse each other, and the job continues", async () => {
  const job = { worldSize: 2, host: "127.0.0.1", port: freePort(), timeoutMs: 10_000 } as const;
  const rank0 = World.join({ ...job, rank: 0, sameHost: "tcp" });
  await rejects(
    World.join({ ...job, rank: 1, sameHost: "tcp", integrity: "checksum" }),
    /^Error: Rank 1 cannot join at 127\.0\.0\.1:\d+: The rank at the other end protects this connection by "keyed", this one by "checksum": give all ranks the same MESHFACTOR_INTEGRITY/,
  );
  const worlds = await Promise.all([rank0, World.join({ ...job, rank: 1, sameHost: "tcp" })]);
  await Promise.all(worlds.map((world) => world.close()));
});

const missing = await userMissing();
Deno.test({
  name: `a process of another user of this host cannot join a job without a given secret${
    missing === undefined ? "" : ` [skipped: ${missing}]`
  }`,
  ignore: missing !== undefined,
  async fn() {
    const job = { worldSize: 2, host: "127.0.0.1", port: freePort(), timeoutMs: 15_000 };
    const rank0 = World.join({ ...job, rank: 0 });
    const folder = await Deno.makeTempDir();
    await Deno.chown(folder, NOBODY, NOBODY);
    const permissions = ["read", "write", "net", "sys", "env"].map((each) => `--allow-${each}`);
    const { stdout, stderr } = await asNobody([
      ...["env", `DENO_DIR=${folder}`, Deno.execPath(), "run", "--quiet", "--no-config"],
      ...[...permissions, "--no-lock", STRANGER.pathname, String(job.port)],
    ]);
    match(stdout + stderr, /^Rank 1 (cannot join at .* another secret|found no rank 0)/);
    const worlds = await Promise.all([rank0, World.join({ ...job, rank: 1 })]);
    await Promise.all(worlds.map((world) => world.close()));
    await Deno.remove(folder, { recursive: true });
  },
});

/** Why no process can run as another user here; undefined if one can. */
async function userMissing(): Promise<string | undefined> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "needs root";
  try {
    const { code } = await asNobody(["test", "-r", STRANGER.pathname]);
    return code === 0 ? undefined : "other users cannot read this folder";
  } catch {
    return "needs setpriv";
  }
}

async function asNobody(
  command: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const as = ["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups"];
  const { code, stdout, stderr } = await new Deno.Command("setpriv", {
    args: [...as, ...command],
    cwd: "/",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

function isFree(port: number): boolean {
  using _listener = Deno.listen({ hostname: "127.0.0.1", port });
  return true;
}
