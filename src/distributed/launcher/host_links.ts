// The connections between the launchers of a job's hosts: one meets the others at the address of rank 0, and coordinates them. They prove
// the job's secret as ranks do. A launcher that is silent for 30 s is lost.

import { ControlLink } from "../membership/control_link.ts";
import { Acceptor } from "../wire/acceptor.ts";
import { type Alarm, systemClock } from "../wire/clock.ts";
import type { ControlMessage, Hello } from "../wire/control_message.ts";
import { Deadline, firstWithin, sleep } from "../wire/deadline.ts";
import { dial } from "../wire/dial.ts";
import { AuthenticationError, importSecret, RefusedError } from "../wire/handshake.ts";
import { listenTcp } from "../wire/listener.ts";
import { type CoordinatorOptions, HostCoordinator } from "./host_coordinator.ts";
import { type FromHost, parseFromHost, parseToHost, type ToHost } from "./host_message.ts";

/** Where launchers meet. */
export interface MeetingPlace {
  readonly hostname: string;
  readonly port: number;
  readonly secret: string;
}

/** The launchers that have come to this one, which coordinates them. */
export class HostServer implements AsyncDisposable {
  readonly #acceptor: Acceptor;
  readonly #coordinator: HostCoordinator;
  readonly #links = new Map<number, Heartbeat>();

  private constructor(acceptor: Acceptor, options: Omit<CoordinatorOptions, "clock" | "send">) {
    this.#acceptor = acceptor;
    this.#coordinator = new HostCoordinator({
      ...options,
      clock: systemClock,
      send: (host, message) => void this.#links.get(host)?.send(message),
    });
    acceptor.onJoin(({ rank: host }, connection) => {
      const left = () => {
        const link = this.#links.get(host);
        if (!this.#links.delete(host)) return;
        void link?.close();
        this.#coordinator.left(host);
      };
      const link = new Heartbeat(
        (listener) => new ControlLink(connection, listener),
        { lost: left, note: (text) => this.#coordinator.ended(host, parseFromHost(text)) },
      );
      this.#links.set(host, link);
      this.#coordinator.joined(host);
    });
  }

  /** Listens. @throws {Error} if the port is in use or the address is not one of this machine */
  static async listen(
    { hostname, port, secret }: MeetingPlace,
    options: Omit<CoordinatorOptions, "clock" | "send">,
  ): Promise<HostServer> {
    const key = await importSecret(secret);
    const listener = await listenTcp({ rank: 0, hostname, ports: { first: port, last: port } });
    const acceptor = new Acceptor([listener], {
      key,
      address: listener.address,
      admissionCheck: ({ purpose, group }) =>
        purpose === "join" && group === GROUP
          ? undefined
          : "Launchers meet here, ranks on the port after it",
    });
    return new HostServer(acceptor, options);
  }

  /** Leaves when all have received what was sent, or after a second. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#coordinator.close();
    const links = [...this.#links.values()];
    this.#links.clear();
    await firstWithin([Promise.all(links.map((link) => link.finish()))], {
      clock: systemClock,
      milliseconds: FAREWELL_MS,
    });
    await Promise.all(links.map((link) => link.close()));
    await this.#acceptor.close();
  }
}

/** This launcher's connection to the one that coordinates. */
export class HostLink implements AsyncDisposable {
  readonly #link: Heartbeat;

  private constructor(link: Heartbeat) {
    this.#link = link;
  }

  /** Connects as host `id`, a number of its own. @throws {Error} if there is none in time, or it holds another secret */
  static async connect(
    { hostname, port, secret }: MeetingPlace,
    { id, timeoutMs, signal, received, lost }: {
      readonly id: number;
      readonly timeoutMs: number;
      readonly signal: AbortSignal;
      readonly received: (message: ToHost) => void;
      readonly lost: () => void;
    },
  ): Promise<HostLink> {
    const key = await importSecret(secret);
    using deadline = new Deadline(timeoutMs, signal);
    const address = { hostname: "launcher", port: 0 };
    const hello: Hello = {
      kind: "hello",
      purpose: "join",
      rank: id,
      to: 0,
      worldSize: 1,
      address,
      group: GROUP,
    };
    while (true) {
      try {
        const connection = await dial({ hostname, port }, {
          key,
          hello: () => hello,
          tls: undefined,
          signal: deadline.signal,
        });
        return new HostLink(
          new Heartbeat((listener) => new ControlLink(connection, listener), {
            lost,
            note: (text) => received(parseToHost(text)),
          }),
        );
      } catch (error) {
        if (error instanceof AuthenticationError || error instanceof RefusedError) throw error;
        if (deadline.signal.aborted) {
          throw new Error(
            `No launcher is at ${hostname}:${port}: start the one of --node 0 there, with the same secret`,
            { cause: error },
          );
        }
        await sleep(RETRY_MS, { signal: deadline.signal });
      }
    }
  }

  /** Reports that the ranks of this host have ended. */
  async send(message: FromHost): Promise<void> {
    await this.#link.send(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link.close();
  }
}

/** A link that sends heartbeats, and is lost when none come. */
class Heartbeat {
  readonly #link: ControlLink;
  readonly #beat: Alarm;
  #silentBeats = 0;

  constructor(
    open: (listener: ConstructorParameters<typeof ControlLink>[1]) => ControlLink,
    { lost, note }: { readonly lost: () => void; readonly note: (text: string) => void },
  ) {
    let isLost = false;
    const lose = () => {
      if (!isLost) lost();
      isLost = true;
      this.#beat.stop();
    };
    this.#link = open({
      message: (message: ControlMessage) => {
        this.#silentBeats = 0;
        if (message.kind === "note") note(message.text);
      },
      ended: lose,
    });
    this.#beat = systemClock.every(BEAT_MS, () => {
      void this.#link.beat();
      if (++this.#silentBeats > SILENT_BEATS) lose();
    });
  }

  async send(message: ToHost | FromHost): Promise<void> {
    await this.#link.send({ kind: "note", text: JSON.stringify(message) });
  }

  async finish(): Promise<void> {
    await this.#link.finish();
  }

  async close(): Promise<void> {
    this.#beat.stop();
    await this.#link.close();
  }
}

const GROUP = "launchers";
const BEAT_MS = 5_000;
const SILENT_BEATS = 6;
const RETRY_MS = 200;
const FAREWELL_MS = 1_000;
