// Rows as aligned text, in nccl-tests' columns; ratios say how many times faster ours is than the peer.

import type { Figures } from "./figures.ts";
import type { Limit, SocketLimit } from "./limits.ts";
import type { Transport } from "./sockets.ts";
import type { Op } from "./sweep.ts";

/** One size of one collective, measured. */
export interface Row extends Figures {
  readonly op: Op;
  readonly ranks: number;
  /** Bytes of the whole buffer. */
  readonly bytes: number;
  /** Its elements. */
  readonly count: number;
  readonly type: "f32";
  readonly transport: Transport;
  readonly algorithm: string;
  /** Deno's own sockets of this kind, at the same time. */
  readonly socket: SocketLimit;
  /** The limit of Deno's sockets; undefined if the algorithm's rounds are not known. */
  readonly limit: Limit | undefined;
  /** By name; undefined where a peer could not do it. */
  readonly peers: Readonly<Record<string, Figures | undefined>>;
}

/** The lines above the rows: titles, and their units. */
export function headLines(peers: readonly string[]): string[] {
  const columns = columnsFor(peers);
  return [columns.map(({ title }) => title), columns.map(({ unit }) => unit)]
    .map((texts) => line(texts, columns));
}

/** A row as a line. */
export function rowLine(row: Row, peers: readonly string[]): string {
  const columns = columnsFor(peers);
  return line(columns.map(({ text }) => text(row)), columns);
}

interface Column {
  readonly title: string;
  readonly unit: string;
  readonly width: number;
  readonly text: (row: Row) => string;
}

function columnsFor(peers: readonly string[]): readonly Column[] {
  return [...OURS, ...peers.flatMap(peerColumns)];
}

function peerColumns(peer: string): Column[] {
  const of = (text: (figures: Figures, row: Row) => string) => (row: Row) => {
    const figures = row.peers[peer];
    return figures === undefined ? "-" : text(figures, row);
  };
  return [
    { title: `${peer} p50`, unit: "(us)", width: 11, text: of(({ p50 }) => digits(p50)) },
    { title: "busbw", unit: "(GB/s)", width: 7, text: of(({ busbw }) => digits(busbw)) },
    { title: "CPU", unit: "(s/GB)", width: 7, text: of((each) => digits(each.cpuSecondsPerGB)) },
    {
      title: "ratio",
      unit: "(times)",
      width: 8,
      text: of(({ p50 }, row) => (p50 / row.p50).toFixed(2)),
    },
  ];
}

const OURS: readonly Column[] = [
  { title: "size", unit: "(B)", width: 10, text: ({ bytes }) => `${bytes}` },
  { title: "count", unit: "(elements)", width: 11, text: ({ count }) => `${count}` },
  { title: "type", unit: "", width: 5, text: ({ type }) => type },
  { title: "over", unit: "", width: 4, text: ({ transport }) => transport },
  { title: "algorithm", unit: "", width: 10, text: ({ algorithm }) => algorithm },
  { title: "min", unit: "(us)", width: 8, text: ({ min }) => digits(min) },
  { title: "p50", unit: "(us)", width: 8, text: ({ p50 }) => digits(p50) },
  { title: "p99", unit: "(us)", width: 8, text: ({ p99 }) => digits(p99) },
  { title: "algbw", unit: "(GB/s)", width: 7, text: ({ algbw }) => digits(algbw) },
  { title: "busbw", unit: "(GB/s)", width: 7, text: ({ busbw }) => digits(busbw) },
  { title: "CPU", unit: "(s/GB)", width: 7, text: (row) => digits(row.cpuSecondsPerGB) },
  { title: "ping", unit: "(us)", width: 6, text: ({ socket }) => digits(socket.roundTrip) },
  {
    title: "limit",
    unit: "(us)",
    width: 8,
    text: ({ limit }) => limit === undefined ? "-" : digits(limit.microseconds),
  },
  { title: "by", unit: "", width: 9, text: ({ limit }) => limit?.by ?? "-" },
  {
    title: "p50/limit",
    unit: "(times)",
    width: 9,
    text: ({ p50, limit }) => limit === undefined ? "-" : (p50 / limit.microseconds).toFixed(2),
  },
];

function line(texts: readonly string[], columns: readonly Column[]): string {
  return texts.map((text, index) => text.padStart(columns[index].width)).join(" ");
}

/** Three digits that count, without an exponent. */
export function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(value >= 1 ? 2 : 3);
}
