// The progress bar of a training, in the status line of a terminal: steps, the smoothed loss, the last evaluation, speed, the norm of
// gradients, the learning rate, memory and the time left.

// Its published types include Node's, which disagree with Deno's on events.
import { Format, SingleBar } from "cli-progress";
import type { Progress, ProgressField } from "./progress_fields.ts";
import { progressLine } from "./progress_fields.ts";
import type { StatusLine } from "./status_line.ts";

/** The numbers of one step. */
export interface StepNumbers {
  readonly step: number;
  readonly loss: number;
  readonly tokensPerSecond?: number | undefined;
  /** Where examples have no tokens. */
  readonly examplesPerSecond?: number | undefined;
  readonly lr?: number | undefined;
  readonly gradientNorm?: number | undefined;
  readonly memory: MemoryInUse;
}

/** Bytes in use. */
export interface MemoryInUse {
  /** Of this process (resident set), the CPU device's included. */
  readonly process: number;
  /** Of the device's buffers. */
  readonly device: number;
}

/** Options of {@linkcode ProgressBar}. */
export interface ProgressBarOptions {
  readonly steps: number;
  /** The most seconds that are left, however many steps are. */
  readonly secondsLeft: () => number;
  readonly deviceIsCpu: boolean;
}

/** A bar that is drawn from the first step on, and is erased at its end. */
export class ProgressBar {
  readonly #line: StatusLine;
  readonly #options: ProgressBarOptions;
  #bar: SingleBar | undefined;
  #meanLoss = 0;
  /** The sum of the weights in `#meanLoss`. */
  #weight = 0;
  #evaluated: ProgressField | undefined;

  /** Nothing is drawn before the first step. */
  constructor(line: StatusLine, options: ProgressBarOptions) {
    this.#line = line;
    this.#options = options;
  }

  /** Shows a step. */
  step(numbers: StepNumbers): void {
    this.#meanLoss = SMOOTHING * this.#meanLoss + (1 - SMOOTHING) * numbers.loss;
    this.#weight = SMOOTHING * this.#weight + (1 - SMOOTHING);
    const fields = this.#fieldsOf(numbers);
    this.#bar ??= this.#begin(numbers.step - 1, fields);
    this.#bar.update(numbers.step, { fields });
  }

  /** Shows the first metric of the last evaluation, such as its perplexity, from the next step on. */
  evaluated(metrics: Readonly<Record<string, number>>): void {
    const [metric] = Object.entries(metrics);
    if (metric === undefined) return;
    const [name, value] = metric;
    const short = name === "perplexity" ? "ppl" : name;
    const text = threeDigits(value);
    this.#evaluated = { long: `${name} ${text}`, short: `${short} ${text}` };
  }

  /** Ends and erases it. */
  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#line.end();
  }

  #begin(step: number, fields: readonly ProgressField[]): SingleBar {
    const line = this.#line;
    const { steps, secondsLeft } = this.#options;
    const bar = new SingleBar({
      format: (options: object, progress: DrawnProgress, { fields }: Pick<Progress, "fields">) =>
        format(options, { ...progress, fields, secondsLeft: Math.max(0, secondsLeft()) }),
      fps: 8,
      etaBuffer: 50,
      gracefulExit: false,
      // Its own restores the cursor to where the bar began, and so overwrites what was printed since.
      terminal: {
        isTTY: () => true,
        getWidth: () => line.columns,
        write: (text: string) => line.show(text),
        ...Object.fromEntries(UNUSED.map((name) => [name, () => {}])),
      },
    });
    bar.start(steps, step, { fields });
    return bar;
  }

  #fieldsOf(
    { tokensPerSecond, examplesPerSecond, gradientNorm, lr, memory }: StepNumbers,
  ): ProgressField[] {
    const fields = [both(`loss ${(this.#meanLoss / this.#weight).toFixed(4)}`)];
    if (this.#evaluated !== undefined) fields.push(this.#evaluated);
    const speed = threeDigits(tokensPerSecond ?? examplesPerSecond ?? 0);
    fields.push(
      tokensPerSecond === undefined
        ? { long: `${speed} examples/s`, short: `${speed} ex/s` }
        : { long: `${speed} tokens/s`, short: `${speed} tok/s` },
    );
    if (gradientNorm !== undefined) {
      const norm = threeDigits(gradientNorm);
      fields.push({ long: `gradient norm ${norm}`, short: `norm ${norm}` });
    }
    if (lr !== undefined) fields.push(both(`lr ${lr.toExponential(1)}`));
    const device = this.#options.deviceIsCpu ? "" : ` + ${bytes(memory.device)} GPU`;
    fields.push(both(`${bytes(memory.process)}${device}`));
    return fields;
  }
}

/** The methods of cli-progress's terminal that a status line has no need of. */
const UNUSED = ["cursorSave", "cursorRestore", "cursor", "cursorTo", "cursorRelative"]
  .concat(["cursorRelativeReset", "clearRight", "clearLine", "clearBottom", "newline"])
  .concat(["lineWrapping"]);

/** Weight of the steps before in the smoothed loss. */
const SMOOTHING = 0.95;

/** What cli-progress knows when it draws. */
interface DrawnProgress {
  readonly progress: number;
  readonly value: number;
  readonly total: number;
  /** Seconds, or a text where it is not known. */
  readonly eta: number | string;
  readonly maxWidth: number;
}

function format(
  options: object,
  { progress, value, total, eta, maxWidth, fields, secondsLeft }:
    & DrawnProgress
    & Pick<Progress, "fields">
    & { readonly secondsLeft: number },
): string {
  const estimate = value >= total ? 0 : typeof eta === "number" ? eta : Infinity;
  const seconds = Math.ceil(Math.min(estimate, secondsLeft));
  const left = Number.isFinite(seconds)
    ? `${Format.TimeFormat(seconds, options, 1).trim()} left`
    : "? left";
  return progressLine({ share: progress, count: `${value}/${total}`, fields, left }, maxWidth);
}

function both(text: string): ProgressField {
  return { long: text, short: text };
}

/** Three digits, or all before the point. */
function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e7)) {
    return value.toExponential(1);
  }
  const before = Math.abs(value) < 1 ? 0 : Math.floor(Math.log10(Math.abs(value))) + 1;
  return value.toFixed(Math.max(0, 3 - before));
}

function bytes(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(2)} GB` : `${(count / 1e6).toFixed(0)} MB`;
}
