// The curve of a training in characters: the training loss in Braille, whose characters have 2 x 4 dots each, and the held-out loss as
// circles.

import { axesOf } from "./curve_scales.ts";
import { averaged, type LossHistory } from "./loss_history.ts";

/** The lines of the picture, each at most `columns` long; none if there are fewer than two losses. */
export function terminalCurve(
  history: LossHistory,
  { columns, unit }: { readonly columns: number; readonly unit: string },
): string[] {
  const width = Math.min(columns, MOST_COLUMNS);
  const axes = axesOf(history, { stepTicks: Math.floor(width / 14), lossTicks: ROWS / 2 });
  if (axes === undefined || width < LEAST_COLUMNS) return [];
  const { steps, losses } = axes;
  const margin = Math.max(...losses.ticks.map(({ text }) => text.length)) + 2;
  const numCols = width - margin;
  const column = (step: number) => steps.at(step) * (numCols - 1);
  const row = (loss: number) => (1 - losses.at(loss)) * (ROWS - 1);

  const points = averaged(history.training, numCols);
  const dots = new Dots(numCols);
  for (const [k, { step, loss }] of points.entries()) {
    const before = points[Math.max(0, k - 1)];
    dots.line(
      { x: 2 * column(before.step), y: 4 * row(before.loss) },
      { x: 2 * column(step), y: 4 * row(loss) },
    );
  }
  const cells = dots.rows();
  for (const { step, loss } of history.heldOut) {
    cells[Math.round(row(loss))][Math.round(column(step))] = HELD_OUT;
  }
  const labels = new Map(losses.ticks.map(({ value, text }) => [Math.round(row(value)), text]));
  const perPoint = Math.ceil(history.training.length / points.length);
  const means = perPoint > 1 ? `, means of ${perPoint}` : "";
  return [
    `loss (${unit}) over steps: ${TRAINING} training${means}   ${HELD_OUT} held out`,
    ...cells.map((cell, k) =>
      `${(labels.get(k) ?? "").padStart(margin - 2)} ${labels.has(k) ? "┤" : "│"}${cell.join("")}`
        .trimEnd()
    ),
    `${" ".repeat(margin - 1)}└${axisLine(steps.ticks.map(({ value }) => column(value)), numCols)}`,
    labelLine(steps.ticks.map(({ value, text }) => ({ text, at: margin + column(value) })), width),
  ];
}

function axisLine(ticks: readonly number[], length: number): string {
  const marks = new Set(ticks.map(Math.round));
  return Array.from({ length }, (_, k) => marks.has(k) ? "┬" : "─").join("");
}

/** Texts, each around its column, as far as they fit. */
function labelLine(
  labels: readonly { readonly text: string; readonly at: number }[],
  width: number,
): string {
  let line = "";
  for (const { text, at } of labels) {
    const begin = Math.min(Math.round(at - (text.length - 1) / 2), width - text.length);
    if (begin > line.length || line === "") line = line.padEnd(begin) + text;
  }
  return line;
}

/** Dots, 2 x 4 in each character. */
class Dots {
  readonly #bits: Uint8Array[];

  constructor(columns: number) {
    this.#bits = Array.from({ length: ROWS }, () => new Uint8Array(columns));
  }

  /** Sets the dots of a line, in units of dots. */
  line(from: { x: number; y: number }, to: { x: number; y: number }): void {
    const count = Math.ceil(Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1));
    for (let k = 0; k <= count; k++) {
      const [x, y] = [from.x + (to.x - from.x) * k / count, from.y + (to.y - from.y) * k / count];
      this.#set(Math.round(x), Math.round(y));
    }
  }

  /** The characters, row by row. */
  rows(): string[][] {
    return this.#bits.map((row) =>
      Array.from(row, (bits) => bits === 0 ? " " : String.fromCharCode(BRAILLE + bits))
    );
  }

  #set(x: number, y: number): void {
    // The middle of a row of characters is at a whole number of rows.
    const dot = Math.min(Math.max(y + 1, 0), 4 * ROWS - 1);
    this.#bits[Math.floor(dot / 4)][Math.floor(x / 2)] |= DOT_BITS[dot % 4][x % 2];
  }
}

const ROWS = 12;
const LEAST_COLUMNS = 60;
const MOST_COLUMNS = 100;
const TRAINING = "⠤";
const HELD_OUT = "●";
/** The first of the Braille patterns in Unicode, and the bit of each dot in the others. */
const BRAILLE = 0x2800;
const DOT_BITS = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
