// MPI in virtual time, below the real streams (src/distributed/wire/mpi/stream.ts): messages of n ranks with seeded delays.
//
//   Isend   short, with luck: its bytes are taken at once       else: they are read when the receiver takes the message
//   Iprobe  the first message that has arrived                  Irecv  its bytes come some time later
//
// Messages from one rank to another arrive in order. A message in which a fault begins arrives or does not, by the seed; what
// fell silent delivers no more. A process that is killed or stopped neither sends, takes messages nor polls, and nobody is told:
// Open MPI tells no survivor, either. `cut` makes every call for the two ranks fail, as an MPI that notices a loss does.

import type { Messages, Request, SendOptions } from "../../../src/distributed/wire/mpi/job.ts";
import type { Pending } from "../../../src/distributed/wire/mpi/progress.ts";
import { MpiStream, type StreamLengths } from "../../../src/distributed/wire/mpi/stream.ts";
import { Connection, type Socket } from "../../../src/distributed/wire/transport.ts";
import type { Link, Travel } from "./simulated_wire.ts";

interface Message {
  readonly tag: number;
  readonly length: number;
  /** Its bytes; read from the sender's memory if they were not taken at once. */
  readonly take: () => Uint8Array;
  /** Tells the sender that its memory is free. */
  readonly taken: () => void;
}

/** Messages from one rank to another. */
export class MessageLink implements Link {
  readonly #travel: Travel;
  readonly #latencyMs: number;
  readonly #arrived: Message[] = [];
  #lastArrival = 0;
  #isBroken = false;
  #watches: { readonly at: number; readonly then: () => void }[] = [];
  #damageAt = -1;
  #damageMask = 0;
  /** Polls what is pending at each end. */
  wakeWriter: () => void = () => {};
  wakeReader: () => void = () => {};
  written = 0;
  /** Where each message began. */
  readonly begins: number[] = [];
  isSilent = false;
  isWriterStopped = false;
  isReaderStopped = false;
  dribbleMs: number | undefined;
  back: Link = this;

  constructor(travel: Travel) {
    this.#travel = travel;
    this.#latencyMs = travel.latencyMs ?? (1 + travel.random(50)) / 10;
  }

  when(at: number, then: () => void): void {
    this.#watches = [...this.#watches, { at, then }].sort((a, b) => a.at - b.at);
    this.#notice();
  }

  damage(at: number, mask: number): void {
    this.#damageAt = at;
    this.#damageMask = mask;
  }

  cut(): void {
    for (const each of [this, this.back]) if (each instanceof MessageLink) each.#break();
  }

  /** As MPI_Isend; `ended` is called when the bytes may change. */
  send(bytes: Uint8Array, { tag }: SendOptions, ended: () => void): void {
    this.#requireWhole();
    const { random, capacity } = this.#travel;
    const { length } = bytes;
    const begin = this.written;
    this.begins.push(begin);
    this.written += length;
    const isLost = this.isSilent || this.isWriterStopped;
    const damaged = (copy: Uint8Array) => {
      const at = this.#damageAt - begin;
      if (at >= 0 && at < copy.length) copy[at] ^= this.#damageMask;
      return copy;
    };
    const isEager = length <= capacity && random(4) > 0;
    const early = isEager ? damaged(bytes.slice()) : undefined;
    const message: Message = {
      tag,
      length,
      take: () => early ?? damaged(bytes.slice()),
      taken: isEager ? () => {} : ended,
    };
    if (isEager) this.#later(ended);
    const wasSilent = this.isSilent || this.isWriterStopped;
    this.#notice();
    const isCaught = !wasSilent && (this.isSilent || this.isWriterStopped) && random(2) === 0;
    if (!isLost && !isCaught) this.#arrive(message);
  }

  /** Length of the first message with this tag that has arrived, or -1. */
  probe(tag: number): number {
    this.#requireWhole();
    const message = this.#arrived.find((each) => each.tag === tag);
    return message === undefined ? -1 : message.length;
  }

  /** As MPI_Irecv of a message that `probe` has found. */
  receive(target: Uint8Array, tag: number, ended: () => void): void {
    this.#requireWhole();
    const index = this.#arrived.findIndex((each) => each.tag === tag);
    const [message] = this.#arrived.splice(index, 1);
    this.#later(() => {
      if (this.isReaderStopped) return;
      target.set(message.take());
      message.taken();
      ended();
      this.wakeReader();
      this.wakeWriter();
    });
  }

  /** @throws {Error} if it is cut. */
  requireWhole(): void {
    this.#requireWhole();
  }

  #requireWhole(): void {
    if (this.#isBroken) throw new Error("MPI: the process has failed");
  }

  #break(): void {
    this.#isBroken = true;
    this.#later(() => {
      this.wakeReader();
      this.wakeWriter();
    });
  }

  #later(what: () => void): void {
    const { clock, random, latencyMs } = this.#travel;
    clock.once(latencyMs === undefined ? random(30) / 10 : 0, () => {
      what();
      this.wakeWriter();
    });
  }

  #arrive(message: Message): void {
    const { clock, random, latencyMs } = this.#travel;
    const jitter = latencyMs === undefined ? this.#latencyMs * random(10) / 10 : 0;
    const dribble = (this.dribbleMs ?? 0) * message.length;
    this.#lastArrival = Math.max(clock.now() + this.#latencyMs + jitter, this.#lastArrival) +
      dribble;
    clock.at(this.#lastArrival, () => {
      if (this.isSilent || this.isReaderStopped) return;
      this.#arrived.push(message);
      this.wakeReader();
    });
  }

  #notice(): void {
    while (this.written > (this.#watches[0]?.at ?? Infinity)) this.#watches.shift()?.then();
  }
}

interface RequestState {
  hasEnded: boolean;
  readonly link: MessageLink;
}

/** One rank's MPI: the links from it to each rank and from each rank to it. */
export class SimulatedMpi implements Messages {
  readonly #to: readonly MessageLink[];
  readonly #from: readonly MessageLink[];
  readonly #pending = new Set<Pending>();
  readonly #requests = new Map<Request, RequestState>();
  readonly #travel: Travel;
  #tags = 0;

  constructor(
    links: { readonly to: readonly MessageLink[]; readonly from: readonly MessageLink[] },
    travel: Travel,
  ) {
    this.#travel = travel;
    this.#to = links.to;
    this.#from = links.from;
    for (const link of this.#to) link.wakeWriter = () => this.#poll(link.isWriterStopped);
    for (const link of this.#from) link.wakeReader = () => this.#poll(link.isReaderStopped);
  }

  readonly progress = {
    add: (operation: Pending) => void this.#pending.add(operation),
    delete: (operation: Pending) => void this.#pending.delete(operation),
  };

  takeTag(): number {
    return ++this.#tags;
  }

  freeTag(): void {}

  send(bytes: Uint8Array, options: SendOptions): void {
    const { request } = options;
    request.bytes = bytes;
    this.#to[options.to].send(bytes, options, this.#begin(request, this.#to[options.to]));
  }

  receive(
    target: Uint8Array,
    { from, tag, request }: Parameters<Messages["receive"]>[1],
  ): void {
    request.bytes = target;
    this.#from[from].receive(target, tag, this.#begin(request, this.#from[from]));
  }

  probe(from: number, tag: number): number {
    return this.#from[from].probe(tag);
  }

  hasEnded(request: Request): boolean {
    const state = this.#requests.get(request);
    if (state === undefined) throw new Error("no such request");
    if (!state.hasEnded) {
      state.link.requireWhole();
      return false;
    }
    // As any MPI_Test may, it sometimes notices only later what has ended.
    const { clock, random } = this.#travel;
    if (random(4) === 0) {
      clock.once(random(10) / 10, () => state.link.wakeReader());
      clock.once(random(10) / 10, () => state.link.wakeWriter());
      return false;
    }
    this.#requests.delete(request);
    request.bytes = new Uint8Array();
    return true;
  }

  abandon(): void {}

  #begin(request: Request, link: MessageLink): () => void {
    const state = { hasEnded: false, link };
    this.#requests.set(request, state);
    return () => state.hasEnded = true;
  }

  #poll(isStopped: boolean): void {
    if (isStopped) return;
    for (const operation of [...this.#pending]) operation.poll();
  }
}

/** The two ends of a connection over MPI between ranks a and b. */
export class StreamPair {
  readonly #streams: readonly [MpiStream, MpiStream];

  constructor(
    a: { readonly rank: number; readonly mpi: Messages },
    b: typeof a,
    lengths: StreamLengths,
  ) {
    const first = new MpiStream(a.mpi, b.rank, lengths);
    const second = new MpiStream(b.mpi, a.rank, lengths);
    first.sendTag = second.tag;
    second.sendTag = first.tag;
    this.#streams = [first, second];
  }

  /** One end, to ranks of this machine or of another; `closed` is called when it is closed. */
  end(index: 0 | 1, place: "local" | "none", closed: () => void): Connection {
    const stream = this.#streams[index];
    const socket: Socket = {
      read: (bytes) => stream.read(bytes),
      write: (bytes) => stream.write(bytes),
      close() {
        closed();
        stream.close();
      },
      closeWrite: () => stream.closeWrite(),
      ref() {},
      unref() {},
      localAddr: stream.localAddr,
      remoteAddr: stream.remoteAddr,
    };
    return new Connection(socket, place);
  }
}
