// Speed of Deno's sockets alone between two processes, with nothing of ours in between: the limit of any collective.
//
//   roundTrip    a short message there and the same back, one write and one read each
//   oneWay       a stream from rank 1 to rank 0, and a byte back
//   bothWays     a stream each way at the same time
//
//   deno run -P=train bench/collectives/socket_rank.ts <port> <token> tcp|unix <path of the Unix socket>
//
// The turns are those of rank.ts, so that limits are measured at the same moments as what they are compared with.

import { LineChannel } from "./line_channel.ts";
import { PING_BYTES, SOCKET_TESTS, type SocketTest, STREAM_BYTES } from "./limits.ts";
import { formatTimes, parseTurn } from "./protocol.ts";
import { dial, readFully, writeAll } from "./raw_socket.ts";

/** Lengths of writes that were the fastest of 64 KiB to 16 MiB. */
const WRITE_BYTES = { tcp: 16 << 20, unix: 1 << 20 };
const READ_BYTES = 1 << 20;

async function main([port, token, transport, path]: readonly string[]): Promise<void> {
  if (transport !== "tcp" && transport !== "unix") throw new TypeError(`No socket: ${transport}`);
  const rank = Number(Deno.env.get("RANK"));
  using conn = transport === "tcp"
    ? await meetTcp(rank, Number(Deno.env.get("MASTER_PORT")))
    : await meetUnix(rank, path);
  using channel = new LineChannel(
    await Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
  );
  await channel.send(`rank ${rank} ${token}`);
  const calls = callsOf({ conn, rank, writeBytes: WRITE_BYTES[transport] });
  for (let line = await channel.receive(); line !== undefined; line = await channel.receive()) {
    const { op, warmup, iterations } = parseTurn(line, SOCKET_TESTS);
    for (let i = 0; i < warmup; i++) await calls[op]();
    const microseconds = new Array<number>(iterations).fill(0);
    for (let i = 0; i < iterations; i++) {
      const start = performance.now();
      await calls[op]();
      microseconds[i] = (performance.now() - start) * 1e3;
    }
    await channel.send(formatTimes({ algorithm: "-", cpuSeconds: 0, microseconds }));
  }
}

function callsOf(
  { conn, rank, writeBytes }: {
    readonly conn: Deno.Conn;
    readonly rank: number;
    readonly writeBytes: number;
  },
): Readonly<Record<SocketTest, () => Promise<unknown>>> {
  const ping = new Uint8Array(PING_BYTES);
  const source = new Uint8Array(writeBytes);
  const target = new Uint8Array(READ_BYTES);
  const give = async () => {
    for (let left = STREAM_BYTES; left > 0; left -= source.length) await writeAll(conn, source);
  };
  const take = async () => {
    for (let left = STREAM_BYTES; left > 0; left -= Math.min(left, READ_BYTES)) {
      await readFully(conn, target.subarray(0, Math.min(left, READ_BYTES)));
    }
  };
  const bothWays = () => Promise.all([give(), take()]);
  if (rank === 0) {
    return {
      roundTrip: () => readFully(conn, ping).then(() => writeAll(conn, ping)),
      oneWay: () => take().then(() => writeAll(conn, ping.subarray(0, 1))),
      bothWays,
    };
  }
  return {
    roundTrip: () => writeAll(conn, ping).then(() => readFully(conn, ping)),
    oneWay: () => give().then(() => readFully(conn, ping.subarray(0, 1))),
    bothWays,
  };
}

async function meetTcp(rank: number, port: number): Promise<Deno.Conn> {
  const address = { hostname: "127.0.0.1", port };
  const conn =
    await (rank === 0 ? acceptOne(Deno.listen(address)) : dial(() => Deno.connect(address)));
  conn.setNoDelay(true);
  return conn;
}

async function meetUnix(rank: number, path: string): Promise<Deno.Conn> {
  const address = { transport: "unix", path } as const;
  return await (rank === 0 ? acceptOne(Deno.listen(address)) : dial(() => Deno.connect(address)));
}

async function acceptOne<T>(listener: Disposable & { accept(): Promise<T> }): Promise<T> {
  using only = listener;
  return await only.accept();
}

if (import.meta.main) await main(Deno.args);
