// The addresses that ranks listen on and connect to: Unix sockets, port ranges, interfaces, advertised addresses.

import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { addressOfInterface } from "../../../src/distributed/membership/world_options.ts";
import { listenTcp, listenUnix, parsePorts } from "../../../src/distributed/wire/listener.ts";
import { connect } from "../../../src/distributed/wire/dial.ts";
import { World } from "../../../src/distributed/world.ts";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";

const IS_LINUX = Deno.build.os === "linux";

Deno.test({
  name: "ranks of one host use Unix sockets by default, and TCP if it is chosen",
  ignore: !IS_LINUX,
  async fn() {
    // Rank 2 connects to the address that rank 1 advertises, where nothing listens, or to its Unix socket.
    const dead = freePort();
    const start = (sameHost: "unix" | "tcp") => {
      const job = { worldSize: 3, host: "127.0.0.1", port: freePort(), timeoutMs: 1500, sameHost };
      return [
        World.join({ ...job, rank: 0 }),
        World.join({ ...job, rank: 1, advertise: `127.0.0.1:${dead}` }),
        World.join({ ...job, rank: 2 }),
      ];
    };
    const worlds = await Promise.all(start("unix"));
    await Promise.all(worlds.map(({ group }) => group.barrier()));
    await Promise.all(worlds.map((world) => world.close()));

    const [rank0, rank1, rank2] = await Promise.allSettled(start("tcp"));
    equal(rank0.status, "rejected");
    equal(rank1.status, "rejected");
    match(
      rank2.status === "rejected" ? rank2.reason.message : "",
      new RegExp(
        `Rank 2 could not connect to rank 1: Cannot connect to 127.0.0.1:${dead}: .*refused`,
      ),
    );
  },
});

Deno.test({
  name: "TCP is used if this host does not have the Unix socket",
  ignore: !IS_LINUX,
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const how = { tls: undefined, signal: new AbortController().signal };
    const address = { hostname: "127.0.0.1", port: listener.addr.port };
    using overTcp = await connect({ ...address, path: "\0meshfactor-of-another-host" }, how);
    (await listener.accept()).close();
    equal(overTcp.transport, "tcp");
    const unix = listenUnix();
    using overUnix = await connect({ ...address, path: unix?.path ?? "" }, how);
    equal(overUnix.transport, "unix");
    (await unix?.accept())?.close();
    unix?.close();
  },
});

Deno.test("ranks listen on ports of the range only, and an error names the range if all are in use", async () => {
  const first = twoFreePorts();
  const ports = `${first}-${first + 1}`;
  const job = { worldSize: 3, host: "127.0.0.1", port: freePort(), sameHost: "tcp" } as const;
  const worlds = await Promise.all([0, 1, 2].map((rank) => World.join({ ...job, rank, ports })));
  for (const port of [first, first + 1]) {
    throws(() => Deno.listen({ hostname: "127.0.0.1", port }), Deno.errors.AddrInUse);
  }
  await rejects(
    World.join({ ...job, rank: 2, ports }),
    new RegExp(
      `Rank 2 cannot listen on 127.0.0.1:${ports} as all 2 ports are in use: give a wider range`,
    ),
  );
  await Promise.all(worlds.map((world) => world.close()));
});

Deno.test("a rank that starts first leaves rank 0's port free, although it is in the range", async () => {
  const first = twoFreePorts();
  // Rank 1 tries the second port of the range first.
  const [ports, port] = [`${first}-${first + 1}`, first + 1];
  const job = { worldSize: 2, host: "127.0.0.1", port, ports, sameHost: "tcp" } as const;
  const rank1 = World.join({ ...job, rank: 1 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const worlds = await Promise.all([World.join({ ...job, rank: 0 }), rank1]);
  await Promise.all(worlds.map(({ group }) => group.barrier()));
  await Promise.all(worlds.map((world) => world.close()));
});

Deno.test("a rank listens on the given address and on no other", async () => {
  const listener = await listenTcp({
    rank: 1,
    hostname: "127.0.0.1",
    ports: { first: 0, last: 0 },
  });
  const { hostname, port } = listener.address;
  equal(hostname, "127.0.0.1");
  // The same port of another address of this machine is still free.
  if (IS_LINUX) Deno.listen({ hostname: "127.0.0.2", port }).close();
  listener.close();
});

Deno.test("ports are parsed as one or as a range from 1 to 65535", () => {
  deepEqual(parsePorts("29500-29599"), { first: 29500, last: 29599 });
  deepEqual(parsePorts("29500"), { first: 29500, last: 29500 });
  for (const wrong of ["", "0", "29599-29500", "1-65536", "a-b", "1-", "-1"]) {
    throws(() => parsePorts(wrong), RangeError, wrong);
  }
});

Deno.test("an interface gives its IPv4 address, and the error for an unknown one lists those that exist", () => {
  const addresses = [
    { name: "lo", family: "IPv4", address: "127.0.0.1" },
    { name: "eth1", family: "IPv6", address: "fe80::1" },
    { name: "eth1", family: "IPv6", address: "fd00::1" },
    { name: "eth1", family: "IPv4", address: "10.0.0.1" },
    { name: "eth2", family: "IPv6", address: "fe80::2" },
    { name: "eth2", family: "IPv6", address: "fd00::2" },
    { name: "eth3", family: "IPv6", address: "fe80::3" },
  ] as const;
  equal(addressOfInterface("eth1", addresses), "10.0.0.1");
  equal(addressOfInterface("eth2", addresses), "fd00::2");
  throws(() => addressOfInterface("eth3", addresses), /eth3 has no address that other hosts reach/);
  throws(
    () => addressOfInterface("ib0", addresses),
    /no network interface ib0: it has lo, eth1, eth2/,
  );
});

Deno.test("invalid addresses are refused before anything listens", async () => {
  const job = { rank: 1, worldSize: 2, host: "127.0.0.1", port: freePort() };
  await rejects(World.join({ ...job, bind: "127.0.0.1", interface: "lo" }), /not both/);
  await rejects(World.join({ ...job, advertise: "host:port" }), /`address` or `address:port`/);
  await rejects(World.join({ ...job, advertise: "host:70000" }), /from 1 to 65535/);
  await rejects(World.join({ ...job, ports: "99999" }), /from 1 to 65535/);
});

/** The first of two consecutive free ports. */
function twoFreePorts(): number {
  while (true) {
    const first = freePort();
    try {
      Deno.listen({ hostname: "127.0.0.1", port: first + 1 }).close();
      return first;
    } catch {
      // The next one is in use: try others.
    }
  }
}
