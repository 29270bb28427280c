// Mutual TLS between hosts: traffic is encrypted, and only holders of a certificate of the job's authority can connect.
//
// Deno.listenTls cannot request a client certificate, so the server side is node:tls; PulledSocket adapts its stream to the
// interface of Deno's sockets. The client side is Deno.connectTls. Both ends still prove the job's secret, inside of TLS.
// Unix sockets between ranks of one host need no TLS. It has a cost: 0.7 to 0.8 GB/s were measured, 2.4 with TCP.

import type { Socket as TcpSocket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { type Address, Connection, type Socket } from "./transport.ts";
import { encodeRefusal } from "./tls_errors.ts";
import { firstFree, type ListenOptions, type PortListener } from "./listener.ts";

/**
 * A rank's certificate and the authority that it trusts, as PEM text.
 *
 * @category Distributed
 */
export interface TlsIdentity {
  /** This rank's certificate, valid for servers and clients and for the address at which others reach this rank. */
  readonly cert: string;
  /** The key of that certificate. */
  readonly key: string;
  /** Certificate of the authority that signed the certificates of all ranks. */
  readonly ca: string;
}

/** As `listenTcp`, for clients with a certificate signed by `identity.ca` only. */
export async function listenTls(
  options: ListenOptions,
  { cert, key, ca }: TlsIdentity,
): Promise<PortListener> {
  const accepted = new AcceptedSockets();
  const pending = new PendingHandshakes();
  const server = createServer({
    cert,
    key,
    ca,
    requestCert: true,
    // It would close them without a word; below they get the reason.
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    allowHalfOpen: true,
  }, (socket) => {
    if (!socket.authorized) return refuse(socket);
    pending.authenticateDialer(socket);
    accepted.add(socket);
  });
  server.on("connection", (socket: TcpSocket) => pending.add(socket));
  const address = await firstFree(options, (port) =>
    new Promise<Address>((resolve, reject) => {
      const failed = (error: Error) => {
        const inUse = "code" in error && error.code === "EADDRINUSE";
        reject(inUse ? new Deno.errors.AddrInUse(error.message) : error);
      };
      server.once("error", failed);
      server.listen(port, options.hostname, () => {
        server.off("error", failed);
        const bound = server.address();
        resolve(
          typeof bound === "object" && bound !== null
            ? { hostname: bound.address, port: bound.port }
            : { hostname: options.hostname, port },
        );
      });
    }));
  return {
    address,
    accept: async () => new Connection(new PulledSocket(await accepted.next()), "encrypted"),
    close: () => {
      server.close();
      pending.close();
      accepted.close();
    },
    ref: () => server.ref(),
    unref: () => server.unref(),
  };
}

/** Its connection stays pending until the peer has read why, for as long as a handshake may take. */
function refuse(socket: TLSSocket): void {
  socket.on("error", () => {});
  socket.resume();
  socket.end(encodeRefusal(String(socket.authorizationError)));
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
    // Completes the handshake here, so that connecting fails if a certificate is wrong.
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
 * Connections whose TLS handshake has not finished: limited in time and number. (When its own handshakeTimeout passes,
 * Deno's node:tls reports it but leaves the connection open.)
 */
class PendingHandshakes {
  /** By their origin, the oldest first. */
  readonly #waiting = new Map<string, PendingHandshake>();

  add(socket: TcpSocket): void {
    const origin = originOf(socket);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size === MAX_PENDING) this.#drop(oldest);
    const timer = setTimeout(() => this.#drop(origin), HANDSHAKE_TIMEOUT_MS);
    this.#waiting.set(origin, { socket, timer });
    socket.once("close", () => this.#remove(origin));
  }

  /** Its certificate has been verified. */
  authenticateDialer(socket: TcpSocket): void {
    this.#remove(originOf(socket));
  }

  close(): void {
    for (const origin of this.#waiting.keys()) this.#drop(origin);
  }

  #drop(origin: string): void {
    this.#waiting.get(origin)?.socket.destroy();
    this.#remove(origin);
  }

  #remove(origin: string): void {
    clearTimeout(this.#waiting.get(origin)?.timer);
    this.#waiting.delete(origin);
  }
}

interface PendingHandshake {
  readonly socket: TcpSocket;
  readonly timer: ReturnType<typeof setTimeout>;
}

function originOf({ remoteAddress, remotePort }: TcpSocket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Sockets that wait for `accept`. */
class AcceptedSockets {
  readonly #sockets: TLSSocket[] = [];
  #awaited: PromiseWithResolvers<TLSSocket> | undefined;
  #closed = false;

  add(socket: TLSSocket): void {
    // An error before it is accepted only closes it.
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

/** A socket of node:tls with the interface of a Deno.Conn: read on demand. */
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
const MAX_PENDING = 64;
const MAX_WRITE_BYTES = 256 << 10;
