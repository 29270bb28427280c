// Reports a training: as JSON lines for programs, to a file or to a stdout that is no terminal; as a progress bar and a few sentences
// for people. Only rank 0 reports.

import { SingleBar } from "cli-progress";
import type { FloatType } from "../tensor/dtype.ts";
import type { TaskName } from "../train/task.ts";
import type { TrainingEvent } from "../train/training_options.ts";
import type { Algorithm } from "../train/training_optimizer.ts";

/** A line of the log; sampled tokens are text here. */
export type TrainMessage =
  | {
    readonly kind: "start";
    readonly device: string;
    /** What was chosen, by flags or by default: step sizes, and how weights are stored and updated. */
    readonly choices: readonly string[];
    readonly algorithm: Algorithm;
    /** The learning rate after the warm-up. */
    readonly peakLr: number | "relative";
    readonly schedule: string;
    readonly warmup: number;
    readonly dtypes: readonly FloatType[];
    readonly masterWeights: boolean;
    readonly rounding: "nearest" | "stochastic";
    /** Number of elements of all parameters. */
    readonly parameters: number;
    readonly tensor: number;
    readonly zero: number;
    readonly task: TaskName;
    readonly steps: number;
    /** What the data is, in words. */
    readonly data: string;
    /** Its counts, which are fields of their own in the log, such as `trainTokens`. */
    readonly counts: Readonly<Record<string, number>>;
  }
  | TrainingEvent
  | { readonly kind: "sample"; readonly prompt: string; readonly text: string }
  | { readonly kind: "saved"; readonly folder: string }
  | { readonly kind: "stopped"; readonly step: number };

/** Options of {@linkcode TrainReport}. */
export interface ReportOptions {
  readonly rank: number;
  /** Path of the log; undefined: stdout, if it is no terminal. */
  readonly log: string | undefined;
  /** Whether the training may go on from a checkpoint: the log is continued then. */
  readonly resume: boolean;
  readonly steps: number;
}

/** Reports a training. Disposing it closes the log. */
export class TrainReport implements Disposable {
  readonly #options: ReportOptions;
  readonly #log: Deno.FsFile | undefined;
  readonly #bar: SingleBar | undefined;
  /** Whether JSON lines go to stdout. */
  readonly #isPiped: boolean;
  /** The start and warnings, until it is known whether the training goes on from a checkpoint. */
  #held: TrainMessage[] | undefined;

  /** Opens the log, on rank 0. @throws {Error} if it cannot be written */
  constructor(options: ReportOptions) {
    const { rank, log } = options;
    this.#options = options;
    this.#isPiped = log === undefined && !Deno.stdout.isTerminal();
    if (rank !== 0) return;
    if (log !== undefined) {
      this.#log = Deno.openSync(log, { read: true, write: true, create: true });
      if (!options.resume) this.#log.truncateSync();
    }
    if (Deno.stderr.isTerminal()) {
      this.#bar = new SingleBar({
        format: "{bar} {value}/{total} | loss {loss} | {speed} tokens/s | {eta_formatted} left",
        barsize: 24,
        hideCursor: true,
        gracefulExit: false,
      });
    }
  }

  /** Reports one message. */
  write(message: TrainMessage): void {
    if (this.#options.rank !== 0) return;
    if (this.#log !== undefined) this.#append(this.#log, message);
    // When a checkpoint is published depends on the disk: such a line would be in another place each time.
    if (this.#isPiped && message.kind !== "checkpoint") console.log(jsonOf(message));
    this.#showProgress(message);
    if (this.#isPiped || message.kind === "step") return;
    if (this.#bar !== undefined) this.#clearLine();
    console.log(sentenceFor(message));
  }

  /** Ends the progress bar and closes the log. */
  [Symbol.dispose](): void {
    this.#bar?.stop();
    this.#log?.close();
  }

  #append(log: Deno.FsFile, message: TrainMessage): void {
    if (message.kind === "checkpoint") return;
    if (message.kind === "start" && this.#options.resume) this.#held = [];
    if (this.#held !== undefined && (message.kind === "start" || message.kind === "warning")) {
      this.#held.push(message);
      return;
    }
    if (this.#held !== undefined) {
      const before = message.kind === "resumed" ? linesUpTo(log, message.step) : "";
      const held = this.#held.filter(({ kind }) => kind === "warning" || before === "");
      this.#held = undefined;
      log.truncateSync();
      log.seekSync(0, Deno.SeekMode.Start);
      writeAll(log, new TextEncoder().encode(before));
      for (const each of held) writeAll(log, lineOf(each));
    }
    writeAll(log, lineOf(message));
  }

  #showProgress(message: TrainMessage): void {
    if (message.kind === "start") {
      this.#bar?.start(this.#options.steps, 0, { loss: "-", speed: "-" });
    } else if (message.kind === "step") {
      this.#bar?.update(message.step, {
        loss: message.loss.toFixed(4),
        speed: (message.tokensPerSecond ?? message.examplesPerSecond)!.toFixed(0),
      });
      if (message.step === this.#options.steps) this.#bar?.stop();
    }
  }

  /** The next update draws the progress bar again, below. */
  #clearLine(): void {
    try {
      Deno.stderr.writeSync(new TextEncoder().encode("\r\x1b[K"));
    } catch {
      // The terminal was closed.
    }
  }
}

function lineOf(message: TrainMessage): Uint8Array {
  return new TextEncoder().encode(`${jsonOf(message)}\n`);
}

/** As JSON, with metrics and counts as fields of their own. */
function jsonOf(message: TrainMessage): string {
  const { metrics = {}, counts = {}, ...fields } = {
    metrics: undefined,
    counts: undefined,
    ...message,
  };
  return JSON.stringify({ ...fields, ...counts, ...metrics });
}

function sentenceFor(message: Exclude<TrainMessage, { readonly kind: "step" }>): string {
  switch (message.kind) {
    case "start": {
      const { device, choices, parameters, tensor, zero, data } = message;
      return `${parameters} parameters on ${tensor} x ${zero} ranks, device ${device}\n` +
        choices.map((choice) => `${choice}\n`).join("") + data;
    }
    case "evaluation":
      return [
        `after ${message.step} steps: held-out loss ${message.loss.toFixed(4)}`,
        ...Object.entries(message.metrics).map(([name, value]) =>
          `${name} ${value.toPrecision(4)}`
        ),
      ].join(", ");
    case "sample":
      return `--- the model continues ${JSON.stringify(message.prompt)} ---\n${
        printable(message.text)
      }\n---`;
    case "resumed":
      return `going on after ${message.step} steps, from ${message.folder}`;
    case "checkpoint":
      return `checkpoint in ${message.folder}`;
    case "warning":
      return `warning: ${message.text}`;
    case "saved":
      return `saved in ${message.folder}`;
    case "stopped":
      return `stopped after ${message.step} steps`;
  }
}

/** The lines of a log that come before the first one that a training writes again that goes on after `step` steps. */
function linesUpTo(log: Deno.FsFile, step: number): string {
  const bytes = new Uint8Array(log.statSync().size);
  log.seekSync(0, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) at += log.readSync(bytes.subarray(at)) ?? bytes.length;
  const lines = new TextDecoder().decode(bytes).split(/(?<=\n)/);
  const end = lines.findIndex((line) => !isKept(line, step));
  return lines.slice(0, end === -1 ? lines.length : end).join("");
}

function isKept(line: string, step: number): boolean {
  try {
    const message = JSON.parse(line) as TrainMessage;
    return line.endsWith("\n") && (!("step" in message) || message.step <= step) &&
      !["sample", "saved", "stopped"].includes(message.kind);
  } catch {
    // A line that was cut off.
    return false;
  }
}

/** Text with control characters replaced. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd]/g, "·");
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}
