// Reports a training: as JSON lines for programs, to a file or to a stdout that is no terminal; as a progress bar, a few sentences and a
// curve for people. Only rank 0 reports. Whatever can no longer be written, the training goes on.

import type { Device } from "../device/device.ts";
import versions from "../../deno.json" with { type: "json" };
import type { InputFile } from "./report/input_files.ts";
import { LastingOutput, stderr } from "./report/lasting_output.ts";
import { LossCollector } from "./report/loss_history.ts";
import { ProgressBar } from "./report/progress_bar.ts";
import { sentenceFor } from "./report/sentences.ts";
import type { StatusLine } from "./report/status_line.ts";
import { columnsOfStdout, statusLineOf } from "./report/terminal.ts";
import { svgCurve } from "./report/svg_curve.ts";
import { terminalCurve } from "./report/terminal_curve.ts";
import { jsonOf, stamped, TrainLog } from "./report/train_log.ts";
import type { TrainEvent, TrainMessage } from "./report/train_message.ts";

export type { TrainMessage } from "./report/train_message.ts";

/** Options of {@linkcode TrainReport}. */
export interface ReportOptions {
  readonly rank: number;
  readonly device: Device;
  /** Path of the log; undefined: stdout, if it is no terminal. */
  readonly log: string | undefined;
  /** Path of a picture of the losses; undefined: none. */
  readonly curve: string | undefined;
  /** Title of the picture. */
  readonly title: string;
  /** Whether the training may go on from a checkpoint: the log is continued then. */
  readonly resume: boolean;
  readonly steps: number;
  /** Seconds since the start of the process after which the training ends. */
  readonly maxTime: number | undefined;
  /** The command's arguments, and what it has read, for the log. */
  readonly flags: readonly string[];
  readonly files: readonly InputFile[];
}

/** Reports a training. Disposing it draws the curve and closes the log. */
export class TrainReport implements Disposable {
  readonly #options: ReportOptions;
  readonly #isReporter: boolean;
  readonly #log: TrainLog | undefined;
  readonly #line: StatusLine | undefined;
  readonly #bar: ProgressBar | undefined;
  readonly #stdout: LastingOutput;
  /** Whether stdout gets JSON lines and no sentences. */
  readonly #isPiped: boolean;
  readonly #history = new LossCollector();

  /** Opens the log, on rank 0. @throws {Error} if it cannot be written */
  constructor(options: ReportOptions) {
    const { rank, log, resume, steps, maxTime, device } = options;
    this.#options = options;
    this.#isReporter = rank === 0;
    this.#isPiped = log === undefined && columnsOfStdout() === undefined;
    const lost = (what: string) => (reason: string) =>
      this.note(
        `warning: ${what} cannot be written any more (${reason}): training goes on without it`,
      );
    this.#stdout = new LastingOutput(Deno.stdout, { onFailure: lost("stdout") });
    if (!this.#isReporter) return;
    if (log !== undefined) {
      this.#log = new TrainLog({
        path: log,
        resume,
        onEarlier: (lines) => lines.forEach((line) => this.#history.take(line)),
        onFailure: lost(`the log ${log}`),
      });
    }
    this.#line = statusLineOf(stderr);
    if (this.#line !== undefined) {
      this.#bar = new ProgressBar(this.#line, {
        steps,
        secondsLeft: () => (maxTime ?? Infinity) - performance.now() / 1000,
        deviceIsCpu: device.kind === "wasm",
      });
    }
  }

  /** Reports one message. */
  write(event: TrainEvent): void {
    if (!this.#isReporter) return;
    const message = this.#complete(event);
    this.#history.take(message);
    // When a checkpoint is published depends on the disk: such a line would be in another place each time.
    if (message.kind !== "checkpoint") {
      const line = stamped(message);
      this.#log?.write(line);
      if (this.#isPiped) this.#stdout.write(jsonOf(line));
    }
    if (message.kind === "step") this.#bar?.step(message);
    else {
      if (message.kind === "evaluation") this.#bar?.evaluated(message.metrics);
      if (!this.#isPiped) this.#print(sentenceFor(message));
    }
  }

  /** Prints a line to stderr, on rank 0. */
  note(text: string): void {
    if (!this.#isReporter) return;
    const print = () => stderr.write(`${text}\n`);
    if (this.#line === undefined) print();
    else this.#line.above(print);
  }

  /** Ends the progress bar, draws the curve and closes the log. */
  [Symbol.dispose](): void {
    this.#bar?.end();
    if (this.#isReporter) this.#drawCurves();
    this.#log?.[Symbol.dispose]();
  }

  #complete(event: TrainEvent): TrainMessage {
    const { device, flags, files } = this.#options;
    if (event.kind === "start") {
      const { version: meshfactor } = versions;
      return { ...event, flags, versions: { meshfactor, deno: Deno.version.deno }, files };
    }
    if (event.kind !== "step") return event;
    const memory = { process: Deno.memoryUsage().rss, device: device.statistics().liveBytes };
    return { ...event, memory };
  }

  /** Prints lines that stay, above the progress bar. */
  #print(text: string): void {
    const print = () => this.#stdout.write(`${text}\n`);
    if (this.#line === undefined) print();
    else this.#line.above(print);
  }

  #drawCurves(): void {
    const { curve, title } = this.#options;
    const columns = columnsOfStdout();
    if (columns !== undefined && this.#history.training.length > 1) {
      const lines = terminalCurve(this.#history, { columns: columns - ROOM_FOR_RANK, unit: UNIT });
      if (lines.length > 0) this.#print(lines.join("\n"));
    }
    const picture = svgCurve(this.#history, { title, unit: UNIT });
    if (curve === undefined || picture === undefined) return;
    try {
      Deno.writeTextFileSync(curve, picture);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.note(`warning: the curve ${curve} cannot be written (${reason})`);
    }
  }
}

/** Of losses. */
const UNIT = "nats";
/** Columns of the launcher's "[rank 0] ", and one that stays empty. */
const ROOM_FOR_RANK = 10;
