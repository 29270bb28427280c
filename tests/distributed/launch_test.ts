// launch() and launchFromEnv(): the environment, the default world, and the version of Deno.

import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { defaultWorld } from "../../src/distributed/default_world.ts";
import { requireDenoVersion } from "../../src/distributed/launcher/deno_version.ts";
import { launch, optionsFromEnv } from "../../src/distributed/launch.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { freePort } from "../../src/distributed/launcher/free_port.ts";
import { World } from "../../src/distributed/world.ts";

const ENV = { RANK: "1", WORLD_SIZE: "4", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "29500" };

Deno.test("options are read from the environment", () => {
  deepEqual(read({ ...ENV, LOCAL_RANK: "0", MESHFACTOR_SECRET: "s" }), {
    rank: 1,
    worldSize: 4,
    localRank: 0,
    host: "127.0.0.1",
    port: 29500,
    secret: "s",
  });
  equal(read(ENV).localRank, 1);
  equal("secret" in read(ENV), false);
});

Deno.test("addresses, ports and the folder for dumps are read from the environment if they are set", () => {
  const options = read({
    ...ENV,
    MESHFACTOR_BIND: "10.0.0.1",
    MESHFACTOR_INTERFACE: "",
    MESHFACTOR_ADVERTISE: "host:1",
    MESHFACTOR_PORTS: "5-6",
    MESHFACTOR_SAME_HOST: "tcp",
    MESHFACTOR_INTEGRITY: "checksum",
    MESHFACTOR_DUMP: "dumps",
    MESHFACTOR_TIMEOUT_MS: "3000",
    MESHFACTOR_STALL_TIMEOUT_MS: "2000",
  });
  deepEqual([options.timeoutMs, options.stallTimeoutMs], [3000, 2000]);
  equal("stallTimeoutMs" in read(ENV), false);
  equal(options.bind, "10.0.0.1");
  equal("interface" in options, false);
  equal(options.advertise, "host:1");
  equal(options.ports, "5-6");
  equal(options.sameHost, "tcp");
  equal(options.integrity, "checksum");
  equal(options.dumpFolder, "dumps");
  throws(() => read({ ...ENV, MESHFACTOR_SAME_HOST: "pipe" }), /must be unix or tcp, got "pipe"/);
  throws(
    () => read({ ...ENV, MESHFACTOR_INTEGRITY: "none" }),
    /MESHFACTOR_INTEGRITY must be keyed or checksum, got "none"/,
  );
});

Deno.test("the files of TLS are read from the environment, all three or none", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "PEM");
  const all = {
    MESHFACTOR_TLS_CERT: file,
    MESHFACTOR_TLS_KEY: file,
    MESHFACTOR_TLS_CA: file,
  };
  deepEqual(read({ ...ENV, ...all }).tls, { cert: "PEM", key: "PEM", ca: "PEM" });
  equal("tls" in read(ENV), false);
  throws(() => read({ ...ENV, ...all, MESHFACTOR_TLS_KEY: "" }), /MESHFACTOR_TLS_KEY is not set/);
  await Deno.remove(file);
  throws(() => read({ ...ENV, ...all }), /MESHFACTOR_TLS_CERT names .* cannot be read/);
});

Deno.test("an error lists all missing variables", () => {
  throws(() => read({ RANK: "0", MASTER_PORT: "1" }), /WORLD_SIZE, MASTER_ADDR are not set/);
  throws(() => read({ ...ENV, MASTER_ADDR: "" }), /MASTER_ADDR is not set.*src\/cli\/launch\.ts/);
});

Deno.test("an error names a variable that is not a whole number", () => {
  for (const wrong of ["one", "1.5", "-1", "0x1", " 1", "1e3"]) {
    throws(() => read({ ...ENV, WORLD_SIZE: wrong }), {
      name: "TypeError",
      message: `WORLD_SIZE must be a whole number, got "${wrong}"`,
    });
  }
  throws(() => read({ ...ENV, LOCAL_RANK: "x" }), /LOCAL_RANK must be a whole number/);
});

Deno.test("a rank out of range is refused before anything listens", async () => {
  const options = { worldSize: 2, host: "127.0.0.1", port: freePort() };
  await rejects(launch({ ...options, rank: 2 }), /Rank 2 is out of range: ranks are 0 to 1/);
});

Deno.test("a time that is longer than a timer's is refused, as that would ring at once", async () => {
  const job = { rank: 0, worldSize: 1, host: "127.0.0.1", port: 1 };
  for (const name of ["timeoutMs", "stallTimeoutMs", "slowTimeoutMs"]) {
    for (const value of [2 ** 31, Infinity, 0, NaN]) {
      await rejects(
        World.join({ ...job, [name]: value }),
        new RegExp(`${name} must be a number of milliseconds above 0 and at most 2147483647`),
      );
    }
    await using _longest = await World.join({ ...job, [name]: 2 ** 31 - 1 });
  }
});

Deno.test("a folder for dumps that cannot be written is refused before the job begins, not when it has failed", async () => {
  const job = { rank: 0, worldSize: 1, host: "127.0.0.1", port: 1 };
  const dumpFolder = `${import.meta.filename}/dumps`;
  await rejects(
    World.join({ ...job, dumpFolder }),
    /Rank 0 cannot write dumps to .*: give another/,
  );
});

Deno.test("launch() sets the default world, once at a time", async () => {
  throws(() => defaultWorld(), /call launch\(\) or launchFromEnv\(\) first/);
  const options = { rank: 0, worldSize: 1, host: "127.0.0.1", port: freePort() };
  const world = await launch(options);
  equal(defaultWorld(), world);
  equal(world.localRank, 0);
  const group = await new ProcessGroupMesh(1).getGroupAlongAxis(0);
  equal(group.size, 1);
  await rejects(launch(options), /has already joined a world, as rank 0: close that one first/);
  await world.close();
  await using again = await launch(options);
  equal(defaultWorld(), again);
});

Deno.test("Deno older than 2.9.5 is refused", () => {
  for (const fine of ["2.9.5", "2.9.6", "2.10.0", "3.0.0", "2.10.0-rc.1", "2.9.5+abc"]) {
    requireDenoVersion(fine);
  }
  for (const old of ["2.9.4", "2.8.99", "1.46.3", "nonsense"]) {
    throws(
      () => requireDenoVersion(old),
      new RegExp(`2\\.9\\.5 or newer is needed, this is ${old}`),
    );
  }
});

function read(env: { readonly [name: string]: string }): ReturnType<typeof optionsFromEnv> {
  return optionsFromEnv({ get: (name) => env[name] });
}
