// The log of a training: JSON lines with the time of each, in a file. Where a training goes on from a checkpoint, so does its log: the
// lines of steps that are taken again are replaced. So the log of a training that was killed and went on has the lines of one go, but
// for the fields that depend on time and machine: `time`, `tokensPerSecond`, `memory`.
//
// A log that can no longer be written does not end the training.

import { LastingOutput } from "./lasting_output.ts";
import type { TrainMessage } from "./train_message.ts";

/** A message with the time at which it came, in ISO 8601. */
export type LogLine = TrainMessage & { readonly time: string };

/** Options of {@linkcode TrainLog}. */
export interface TrainLogOptions {
  readonly path: string;
  /** Whether the training may go on from a checkpoint: the log is continued then. */
  readonly resume: boolean;
  /** Called with the lines of steps that were taken before. */
  readonly onEarlier: (lines: readonly LogLine[]) => void;
  /** Called once when the log cannot be written any more. */
  readonly onFailure: (reason: string) => void;
}

/** A log. Disposing it closes the file. */
export class TrainLog implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #output: LastingOutput;
  readonly #options: TrainLogOptions;
  /** The length of all whole lines. */
  #length = 0;
  /** The start and warnings, until it is known whether the training goes on from a checkpoint. */
  #held: LogLine[] | undefined;

  /** Opens the file. @throws {Error} if it cannot be written */
  constructor(options: TrainLogOptions) {
    this.#options = options;
    this.#file = Deno.openSync(options.path, { read: true, write: true, create: true });
    if (options.resume) this.#held = [];
    else this.#cut(0);
    const { onFailure } = options;
    this.#output = new LastingOutput(this.#file, {
      onFailure,
      onPartial: () => this.#cut(this.#length),
    });
  }

  /** Appends a line. */
  write(line: LogLine): void {
    if (this.#held === undefined) return this.#append(line);
    if (line.kind === "start" || line.kind === "warning") {
      this.#held.push(line);
      return;
    }
    const earlier = line.kind === "resumed" ? this.#linesUpTo(line.step) : "";
    const held = this.#held.filter(({ kind }) => kind === "warning" || earlier === "");
    this.#held = undefined;
    this.#options.onEarlier(linesIn(earlier));
    this.#length = new TextEncoder().encode(earlier).length;
    this.#cut(this.#length);
    for (const each of [...held, line]) this.#append(each);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    // The training ended before it was known where it goes on: the log stays as it was.
    this.#file.close();
  }

  #append(line: LogLine): void {
    const text = jsonOf(line);
    this.#output.write(text);
    if (!this.#output.isLost) this.#length += new TextEncoder().encode(text).length;
  }

  /** Leaves the first `length` bytes; does nothing to what is no file on a disk. */
  #cut(length: number): void {
    try {
      this.#file.truncateSync(length);
      this.#file.seekSync(length, Deno.SeekMode.Start);
    } catch {
      // A device or a pipe.
    }
  }

  /** The lines before the first one that a training writes again that goes on after `step` steps. */
  #linesUpTo(step: number): string {
    const lines = this.#read().split(/(?<=\n)/);
    const end = lines.findIndex((line) => !isKept(line, step));
    return lines.slice(0, end === -1 ? lines.length : end).join("");
  }

  #read(): string {
    const bytes = new Uint8Array(this.#file.statSync().size);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      at += this.#file.readSync(bytes.subarray(at)) ?? bytes.length;
    }
    return new TextDecoder().decode(bytes);
  }
}

/** A message with the present time. */
export function stamped(message: TrainMessage): LogLine {
  return { ...message, time: new Date().toISOString() };
}

/** A line of JSON, with metrics and counts as fields of their own. */
export function jsonOf(line: LogLine): string {
  const { metrics = {}, counts = {}, time, ...fields } = {
    metrics: undefined,
    counts: undefined,
    ...line,
  };
  return `${JSON.stringify({ ...fields, ...counts, ...metrics, time })}\n`;
}

function linesIn(text: string): LogLine[] {
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
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
