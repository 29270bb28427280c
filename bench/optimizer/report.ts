// The benchmark's output: aligned tables, or one JSON object per line.

import os from "node:os";
import type { Options } from "./options.ts";

/** One figure of a row; undefined where there is none. */
export type Cell = string | number | undefined;

/** Rows that have the same columns. */
export interface Table {
  readonly title: string;
  /** Column titles, in order. */
  readonly columns: readonly string[];
  /** By column title. */
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** Notes for the reader. */
  readonly notes?: readonly string[];
}

/** Prints what was measured. */
export class Report {
  readonly #format: Options["format"];

  /** Prints the machine at once. */
  constructor(format: Options["format"], device: string) {
    this.#format = format;
    const machine = {
      model: os.cpus()[0]?.model.trim() ?? "unknown processor",
      cores: os.cpus().length,
      deno: Deno.version.deno,
      device,
      load: os.loadavg()[0],
      date: new Date().toISOString(),
    };
    if (format === "json") console.log(JSON.stringify({ kind: "machine", ...machine }));
    else {
      const { model, cores, deno, load, date } = machine;
      console.log(`${cores} cores of ${model}, load ${load.toFixed(1)}, Deno ${deno}, ${date}`);
      console.log(device);
    }
  }

  /** Prints a table. */
  print({ title, columns, rows, notes = [] }: Table): void {
    if (this.#format === "json") {
      for (const row of rows) console.log(JSON.stringify({ kind: title, ...row }));
      for (const note of notes) console.log(JSON.stringify({ kind: "note", of: title, note }));
      return;
    }
    const texts = [columns, ...rows.map((row) => columns.map((column) => text(row[column])))];
    const widths = columns.map((_, k) => Math.max(...texts.map((line) => line[k].length)));
    console.log(`\n${title}`);
    for (const line of texts) {
      console.log(line.map((cell, k) => cell.padStart(widths[k])).join("  "));
    }
    for (const note of notes) console.log(note);
  }
}

/** Three significant digits. */
function text(cell: Cell): string {
  if (cell === undefined) return "-";
  if (typeof cell === "string" || Number.isInteger(cell)) return String(cell);
  if (Math.abs(cell) >= 100) return cell.toFixed(0);
  return cell.toFixed(Math.abs(cell) >= 10 ? 1 : 2);
}
