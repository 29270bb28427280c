// The messages of a direct collective with nothing of ours in between: what p ranks on these cores need at least.
//
//   exchange     every rank sends a message to each other, and takes one of each, over Deno's connections
//
//   deno run -P=train bench/collectives/exchange_rank.ts <port> <token> tcp|unix <an address for each rank...>
//
// Addresses are ports or paths of Unix sockets. Short messages are read one peer after the other, long ones at the same
// time, each from the next rank on: the fastest that was found for these.

import process from "node:process";
import { LineChannel } from "./line_channel.ts";
import { formatTimes, parseTurn } from "./protocol.ts";
import { dial, readFully, writeAll } from "./raw_socket.ts";
import { BYTES_PER_ELEMENT } from "./sweep.ts";

async function main([port, token, transport, ...addresses]: readonly string[]): Promise<void> {
  const rank = Number(Deno.env.get("RANK"));
  const conns = await meet(rank, transport === "tcp" ? addresses.map(tcp) : addresses.map(unix));
  using channel = new LineChannel(
    await Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
  );
  await channel.send(`rank ${rank} ${token}`);
  for (let line = await channel.receive(); line !== undefined; line = await channel.receive()) {
    const { count, warmup, iterations } = parseTurn(line, ["exchange"]);
    const exchange = exchangeOf(conns, count * BYTES_PER_ELEMENT);
    for (let i = 0; i < warmup; i++) await exchange();
    const microseconds = new Array<number>(iterations).fill(0);
    const cpuBefore = process.cpuUsage();
    for (let i = 0; i < iterations; i++) {
      const start = performance.now();
      await exchange();
      microseconds[i] = (performance.now() - start) * 1e3;
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    await channel.send(
      formatTimes({ algorithm: "-", cpuSeconds: (user + system) / 1e6, microseconds }),
    );
  }
  for (const conn of conns) conn.close();
}

/** A call that sends `bytes` to each and takes as many. */
function exchangeOf(conns: readonly Deno.Conn[], bytes: number): () => Promise<unknown> {
  const message = new Uint8Array(bytes);
  const targets = conns.map(() => new Uint8Array(bytes));
  const sendAll = () => conns.map((conn) => writeAll(conn, message));
  const take = (index: number) => readFully(conns[index], targets[index]);
  if (bytes > SHORT_BYTES) {
    return () => Promise.all([...sendAll(), ...conns.map((_, index) => take(index))]);
  }
  return async () => {
    const sent = sendAll();
    for (let index = 0; index < conns.length; index++) await take(index);
    for (const each of sent) await each;
  };
}

/** A connection to every other rank, from the next one on. Each dials those before it. */
async function meet(rank: number, places: readonly Place[]): Promise<readonly Deno.Conn[]> {
  const conns = new Map<number, Deno.Conn>();
  using listener = places[rank].listen();
  for (let peer = 0; peer < rank; peer++) {
    const conn = await dial(places[peer].connect);
    await writeAll(conn, new Uint8Array([rank]));
    conns.set(peer, conn);
  }
  const who = new Uint8Array(1);
  while (conns.size < places.length - 1) {
    const conn = await listener.accept();
    await readFully(conn, who);
    conns.set(who[0], conn);
  }
  return places.slice(1).map((_, distance) => conns.get((rank + distance + 1) % places.length)!);
}

/** The address of a rank. */
interface Place {
  listen(): Disposable & { accept(): Promise<Deno.Conn> };
  connect(): Promise<Deno.Conn>;
}

function tcp(port: string): Place {
  const address = { hostname: "127.0.0.1", port: Number(port) };
  return {
    listen() {
      const listener = Deno.listen(address);
      const accept = async () => quick(await listener.accept());
      return { accept, [Symbol.dispose]: () => listener.close() };
    },
    connect: async () => quick(await Deno.connect(address)),
  };
}

function unix(path: string): Place {
  const address = { transport: "unix", path } as const;
  return { listen: () => Deno.listen(address), connect: () => Deno.connect(address) };
}

function quick(conn: Deno.TcpConn): Deno.Conn {
  conn.setNoDelay(true);
  return conn;
}

const SHORT_BYTES = 64 << 10;

if (import.meta.main) await main(Deno.args);
