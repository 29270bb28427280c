// The output of the benchmark, written as it goes: a table, or one JSON object per line.

import os from "node:os";
import type { SocketLimit } from "./limits.ts";
import type { Options } from "./options.ts";
import type { Transport } from "./sockets.ts";
import type { Op } from "./sweep.ts";
import { digits, headLines, type Row, rowLine } from "./table.ts";

/** Receives the results as they come. */
export interface Reporter {
  /** The speed of Deno's own sockets between two processes. */
  socket(transport: Transport, limit: SocketLimit): void;
  /** The rows of one collective follow. */
  head(op: Op, ranks: number): void;
  row(row: Row): void;
  /** Something that did not go as asked, and does not end the run. */
  note(text: string): void;
}

/** The reporter in the format that was asked for. */
export function reporterFor(options: Options): Reporter {
  const note = (text: string) => console.error(text);
  return options.format === "json"
    ? { ...jsonReporter(), note }
    : { ...tableReporter(options), note };
}

function tableReporter({ peers }: Options): Omit<Reporter, "note"> {
  const { model, cores, deno } = machine();
  console.log(`${cores} cores of ${model}, Deno ${deno}, ${new Date().toISOString().slice(0, 10)}`);
  return {
    socket(transport, { roundTrip, oneWay, bothWays }) {
      const [us, one, both] = [roundTrip, oneWay, bothWays].map(digits);
      console.log(
        `Deno's own sockets, ${transport}: ${us} us round trip, ${one} GB/s one way, ${both} both ways`,
      );
    },
    head(op, ranks) {
      console.log(`\n${op}, ${ranks} ranks`);
      for (const line of headLines(peers)) console.log(line);
    },
    row: (row) => console.log(rowLine(row, peers)),
  };
}

function jsonReporter(): Omit<Reporter, "note"> {
  const print = (value: unknown) => console.log(JSON.stringify(value));
  print({ kind: "machine", ...machine(), date: new Date().toISOString() });
  return {
    socket: (transport, limit) => print({ kind: "socket", transport, ...limit }),
    head: () => {},
    row: (row) => print({ kind: "row", ...row }),
  };
}

function machine(): { readonly model: string; readonly cores: number; readonly deno: string } {
  const cpus = os.cpus();
  return { model: cpus[0]?.model ?? "an unknown CPU", cores: cpus.length, deno: Deno.version.deno };
}
