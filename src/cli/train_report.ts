// Reports a training: as JSON lines for programs, to a file or to a stdout that is no terminal; as a progress bar and a few sentences
// for people. Only rank 0 reports.

import { SingleBar } from "cli-progress";
import type { TrainingEvent } from "../train/language_training_options.ts";

/** A line of the log; sampled tokens are text here. */
export type TrainMessage =
  | {
    readonly kind: "start";
    readonly device: string;
    /** Number of elements of all parameters. */
    readonly parameters: number;
    readonly tensor: number;
    readonly zero: number;
    readonly trainTokens: number;
    readonly heldOutTokens: number;
    /** With a token per byte: the loss of an order-2 byte model on the same held-out windows, in nats per byte. */
    readonly order2Loss?: number;
  }
  | Exclude<TrainingEvent, { readonly kind: "sample" }>
  | { readonly kind: "sample"; readonly prompt: string; readonly text: string }
  | { readonly kind: "saved"; readonly folder: string }
  | { readonly kind: "stopped"; readonly step: number };

/** Options of {@linkcode TrainReport}. */
export interface ReportOptions {
  readonly rank: number;
  /** Path of the log; undefined: stdout, if it is no terminal. */
  readonly log: string | undefined;
  readonly steps: number;
}

/** Reports a training. Disposing it closes the log. */
export class TrainReport implements Disposable {
  readonly #options: ReportOptions;
  readonly #log: Deno.FsFile | undefined;
  readonly #bar: SingleBar | undefined;
  /** Whether JSON lines go to stdout. */
  readonly #isPiped: boolean;

  /** Opens the log, on rank 0. @throws {Error} if it cannot be written */
  constructor(options: ReportOptions) {
    const { rank, log } = options;
    this.#options = options;
    this.#isPiped = log === undefined && !Deno.stdout.isTerminal();
    if (rank !== 0) return;
    if (log !== undefined) {
      this.#log = Deno.openSync(log, { write: true, create: true, truncate: true });
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
    const line = JSON.stringify(message);
    if (this.#log !== undefined) writeAll(this.#log, new TextEncoder().encode(`${line}\n`));
    if (this.#isPiped) console.log(line);
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

  #showProgress(message: TrainMessage): void {
    if (message.kind === "start") {
      this.#bar?.start(this.#options.steps, 0, { loss: "-", speed: "-" });
    } else if (message.kind === "step") {
      this.#bar?.update(message.step, {
        loss: message.loss.toFixed(4),
        speed: message.tokensPerSecond.toFixed(0),
      });
      if (message.step === this.#options.steps) this.#bar?.stop();
    }
  }

  /** The next update draws the progress bar again, below. */
  #clearLine(): void {
    Deno.stderr.writeSync(new TextEncoder().encode("\r\x1b[K"));
  }
}

function sentenceFor(message: Exclude<TrainMessage, { readonly kind: "step" }>): string {
  switch (message.kind) {
    case "start": {
      const { device, parameters, tensor, zero, trainTokens, heldOutTokens, order2Loss } = message;
      const baseline = order2Loss === undefined
        ? ""
        : `; an order-2 byte model loses ${order2Loss.toFixed(4)} on the latter`;
      return `${parameters} parameters on ${tensor} x ${zero} ranks, device ${device}\n` +
        `${trainTokens} tokens to train on, ${heldOutTokens} held out${baseline}`;
    }
    case "evaluation":
      return `after ${message.step} steps: held-out loss ${
        message.loss.toFixed(4)
      } nats per token, ` +
        `perplexity ${message.perplexity.toFixed(2)}`;
    case "sample":
      return `--- the model continues ${JSON.stringify(message.prompt)} ---\n${
        printable(message.text)
      }\n---`;
    case "saved":
      return `saved in ${message.folder}`;
    case "stopped":
      return `stopped after ${message.step} steps`;
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
