// What Deno's sockets alone can do between two processes, with nothing of ours on top: the limit of any collective.
//
//   round trip    64 bytes there and 64 back, one write and one read each: median of many
//   one way       as fast as one process writes and another reads: the best of some lengths of writes
//
//   rank 0 echoes and swallows, rank 1 measures; run as two ranks with the path of a socket that does not exist yet

import { readFully, writeAll } from "./raw_socket.ts";
import { quantile } from "./figures.ts";
import type { SocketLimits } from "./limits.ts";

const PING_BYTES = 64;
const [WARMUP, PINGS] = [300, 2_000];
const WRITES = [64 << 10, 256 << 10, 1 << 20];
const READ_BYTES = 1 << 20;
const ONE_WAY_BYTES = 512 << 20;

async function main(): Promise<void> {
  const tcp = { hostname: "127.0.0.1", port: Number(Deno.env.get("MASTER_PORT")) };
  const unix = { transport: "unix", path: Deno.args[0] } as const;
  if (Deno.env.get("RANK") === "0") {
    using tcpListener = Deno.listen(tcp);
    using unixListener = Deno.listen(unix);
    for (const listener of [tcpListener, unixListener]) await serve(await listener.accept());
  } else {
    const limits: SocketLimits = {
      tcp: await measure(await dial(() => Deno.connect(tcp))),
      unix: await measure(await dial(() => Deno.connect(unix))),
    };
    console.log(JSON.stringify(limits));
  }
}

async function serve(conn: Deno.Conn): Promise<void> {
  using _ = withoutDelay(conn);
  const ping = new Uint8Array(PING_BYTES);
  for (let i = 0; i < WARMUP + PINGS; i++) {
    await readFully(conn, ping);
    await writeAll(conn, ping);
  }
  const target = new Uint8Array(READ_BYTES);
  for (let stream = 0; stream < WRITES.length; stream++) {
    for (let left = ONE_WAY_BYTES; left > 0;) {
      left -= await conn.read(target.subarray(0, Math.min(left, READ_BYTES))) ?? left;
    }
    await writeAll(conn, ping.subarray(0, 1));
  }
}

async function measure(conn: Deno.Conn): Promise<SocketLimits["tcp"]> {
  using _ = withoutDelay(conn);
  const ping = new Uint8Array(PING_BYTES);
  const trips: number[] = [];
  for (let i = 0; i < WARMUP + PINGS; i++) {
    const start = performance.now();
    await writeAll(conn, ping);
    await readFully(conn, ping);
    if (i >= WARMUP) trips.push((performance.now() - start) * 1e3);
  }
  const rates: number[] = [];
  for (const length of WRITES) {
    const bytes = new Uint8Array(length);
    const start = performance.now();
    for (let left = ONE_WAY_BYTES; left > 0; left -= length) await writeAll(conn, bytes);
    await readFully(conn, ping.subarray(0, 1));
    rates.push(ONE_WAY_BYTES / (performance.now() - start) / 1e6);
  }
  return { roundTrip: quantile(trips, 0.5), oneWay: Math.max(...rates) };
}

function withoutDelay(conn: Deno.Conn): Deno.Conn {
  if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
  return conn;
}

/** Dials until somebody listens. */
async function dial(connect: () => Promise<Deno.Conn>): Promise<Deno.Conn> {
  for (let attempt = 0;; attempt++) {
    try {
      return await connect();
    } catch (error) {
      if (attempt === DIALS) throw error;
      await new Promise((resolve) => setTimeout(resolve, DIAL_EVERY_MS));
    }
  }
}

const [DIALS, DIAL_EVERY_MS] = [200, 50];

if (import.meta.main) await main();
