// Mutual TLS between hosts: nobody reads what passes, and only holders of a certificate of the job's authority connect.
//
// Deno.listenTls cannot ask for a client's certificate, so the server's side is node:tls, which pushes what comes; it is
// read here as any socket is. The client's side is Deno.connectTls. The proof of the job's secret stays, inside. Unix
// sockets between ranks of one host need no TLS. It costs: 0.7 to 0.8 GB/s were measured where TCP gave 2.4.

import type { Socket as TcpSocket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { type Address, Connection, type Socket } from "./transport.ts";
import { firstFree, type ListenOptions, type PortListener } from "./listener.ts";

/** What a rank shows to others and checks them by, as PEM text. */
export interface TlsIdentity {
  /** This rank's certificate, good for servers and clients, for the address that others reach it by. */
  readonly cert: string;
  /** The key of that certificate. */
  readonly key: string;
  /** Certificate of the authority that has signed those of all ranks. */
  readonly ca: string;
}

/** As `listenTcp`, for clients with a certificate of `identity.ca` only. */
export async function listenTls(
  options: ListenOptions,
  { cert, key, ca }: TlsIdentity,
): Promise<PortListener> {
  const arrivals = new Arrivals();
  const strangers = new Strangers();
  const server = createServer({
    cert,
    key,
    ca,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
    allowHalfOpen: true,
  }, (socket) => {
    strangers.admit(socket);
    arrivals.add(socket);
  });
  server.on("connection", (socket: TcpSocket) => strangers.add(socket));
  const port = await firstFree(options, (port) =>
    new Promise<number>((resolve, reject) => {
      const failed = (error: Error) => {
        const inUse = "code" in error && error.code === "EADDRINUSE";
        reject(inUse ? new Deno.errors.AddrInUse(error.message) : error);
      };
      server.once("error", failed);
      server.listen(port, options.hostname, () => {
        server.off("error", failed);
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    }));
  return {
    address: { hostname: options.hostname, port },
    accept: async () => new Connection(new PulledSocket(await arrivals.next()), "encrypted"),
    close: () => {
      server.close();
      strangers.close();
      arrivals.close();
    },
    ref: () => server.ref(),
    unref: () => server.unref(),
  };
}

/** Connects to a rank that listens with `listenTls`; the caller owns the connection. */
export async function connectTls(
  { hostname, port }: Address,
  { identity: { cert, key, ca }, signal }: {
    readonly identity: TlsIdentity;
    readonly signal: AbortSignal;
  },
): Promise<Connection> {
  signal.throwIfAborted();
  const connecting = Deno.connectTls({ hostname, port, cert, key, caCerts: [ca] });
  const given = Promise.withResolvers<never>();
  const giveUp = () => given.reject(signal.reason);
  signal.addEventListener("abort", giveUp);
  try {
    const conn = await Promise.race([connecting, given.promise]);
    // The handshake belongs to connecting: what is wrong with a certificate is told here.
    await Promise.race([conn.handshake(), given.promise]);
    return new Connection(conn, "encrypted");
  } catch (error) {
    connecting.then((conn) => conn.close(), () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/**
 * Connections whose handshake has not ended: each is given a time, and few are kept at once. (Deno's node:tls tells when
 * its own handshakeTimeout has passed, but leaves the connection open.)
 */
class Strangers {
  /** The oldest first, by where they come from. */
  readonly #waiting = new Map<string, Stranger>();

  add(socket: TcpSocket): void {
    const origin = originOf(socket);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size === MAX_STRANGERS) this.#drop(oldest);
    const timer = setTimeout(() => this.#drop(origin), HANDSHAKE_TIMEOUT_MS);
    this.#waiting.set(origin, { socket, timer });
    socket.once("close", () => this.#forget(origin));
  }

  /** It has shown its certificate. */
  admit(socket: TcpSocket): void {
    this.#forget(originOf(socket));
  }

  close(): void {
    for (const origin of this.#waiting.keys()) this.#drop(origin);
  }

  #drop(origin: string): void {
    this.#waiting.get(origin)?.socket.destroy();
    this.#forget(origin);
  }

  #forget(origin: string): void {
    clearTimeout(this.#waiting.get(origin)?.timer);
    this.#waiting.delete(origin);
  }
}

interface Stranger {
  readonly socket: TcpSocket;
  readonly timer: ReturnType<typeof setTimeout>;
}

function originOf({ remoteAddress, remotePort }: TcpSocket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Sockets that wait to be taken. */
class Arrivals {
  readonly #sockets: TLSSocket[] = [];
  #awaited: PromiseWithResolvers<TLSSocket> | undefined;
  #closed = false;

  add(socket: TLSSocket): void {
    // Until it is taken an error only ends it.
    socket.on("error", () => {});
    if (this.#closed) return void socket.destroy();
    const awaited = this.#awaited;
    this.#awaited = undefined;
    if (awaited === undefined) this.#sockets.push(socket);
    else awaited.resolve(socket);
  }

  next(): Promise<TLSSocket> {
    if (this.#closed) return Promise.reject(new Deno.errors.BadResource("The listener is closed"));
    const socket = this.#sockets.shift();
    if (socket !== undefined) return Promise.resolve(socket);
    this.#awaited = Promise.withResolvers();
    return this.#awaited.promise;
  }

  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#awaited?.reject(new Deno.errors.BadResource("The listener is closed"));
  }
}

/** A socket of node:tls that is read when its bytes are wanted. */
class PulledSocket implements Socket {
  readonly #socket: TLSSocket;
  #rest: Uint8Array = new Uint8Array();
  #wake: (() => void) | undefined;
  #hasEnded = false;
  #error: Error | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    const wake = () => this.#wake?.();
    socket.on("readable", wake);
    socket.on("end", () => {
      this.#hasEnded = true;
      wake();
    });
    socket.on("error", (error: Error) => {
      this.#error ??= error;
      wake();
    });
    socket.on("close", () => {
      this.#error ??= new Error("The connection is closed");
      wake();
    });
  }

  get localAddr(): Deno.NetAddr {
    const { localAddress = "", localPort = 0 } = this.#socket;
    return { transport: "tcp", hostname: localAddress, port: localPort };
  }

  get remoteAddr(): Deno.NetAddr {
    const { remoteAddress = "", remotePort = 0 } = this.#socket;
    return { transport: "tcp", hostname: remoteAddress, port: remotePort };
  }

  async read(target: Uint8Array): Promise<number | null> {
    while (this.#rest.length === 0) {
      const chunk: Uint8Array | null = this.#socket.read();
      if (chunk !== null) this.#rest = chunk;
      else if (this.#hasEnded) return null;
      else if (this.#error !== undefined) {
        throw new Deno.errors.ConnectionReset(this.#error.message);
      } else await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const bytes = Math.min(target.length, this.#rest.length);
    target.set(this.#rest.subarray(0, bytes));
    this.#rest = this.#rest.subarray(bytes);
    return bytes;
  }

  write(bytes: Uint8Array): Promise<number> {
    const part = bytes.subarray(0, MAX_WRITE_BYTES);
    return new Promise((resolve, reject) => {
      this.#socket.write(part, (error) => {
        if (error) reject(new Deno.errors.ConnectionReset(error.message));
        else resolve(part.length);
      });
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }
}

const HANDSHAKE_TIMEOUT_MS = 5_000;
const MAX_STRANGERS = 64;
const MAX_WRITE_BYTES = 256 << 10;
