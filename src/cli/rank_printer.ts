// Prints the output of ranks, each line with the rank before it. A line may come in parts: the next part of the same line goes behind
// it, and output of another rank begins a new line. The progress of a training is a status line below.

import { LastingOutput, stderr } from "./report/lasting_output.ts";
import { relayedText, type StatusLine, TerminalStatusLine } from "./report/status_line.ts";
import { terminalWidth } from "./report/terminal.ts";
import type { RankLine } from "../distributed/launcher/rank_output.ts";

/** Writes text to a stream of this process. */
export type WriteText = (stream: RankLine["stream"], text: string) => void;

/** Prints lines of ranks. */
export class RankPrinter {
  readonly #write: WriteText;
  readonly #status: StatusLine | undefined;
  /** The line that has not ended. */
  #open: Pick<RankLine, "rank" | "stream"> | undefined;

  /** Writes to this process's own streams, and draws on its terminal, unless another way is given. */
  constructor(write: WriteText = ownStreams(), status: StatusLine | undefined = ownStatus()) {
    this.#write = write;
    this.#status = status;
  }

  /** Prints a line or a part of one. */
  print({ rank, stream, text, isPart = false }: RankLine): void {
    const drawing = relayedText(text);
    if (drawing !== undefined) return this.#draw(drawing);
    this.#status?.above(() => this.#print({ rank, stream, text, isPart }));
    if (this.#status === undefined) this.#print({ rank, stream, text, isPart });
  }

  /** Begins a new line, if one is open, and erases the status line. */
  endLine(): void {
    this.#status?.end();
    this.#endOpen();
  }

  #print({ rank, stream, text, isPart = false }: RankLine): void {
    const isNext = this.#open?.rank === rank && this.#open.stream === stream;
    if (!isNext) this.#endOpen();
    this.#write(stream, `${isNext ? "" : `[rank ${rank}] `}${text}${isPart ? "" : "\n"}`);
    this.#open = isPart ? { rank, stream } : undefined;
  }

  #draw(drawing: string): void {
    this.#endOpen();
    if (drawing === "") this.#status?.end();
    else this.#status?.show(drawing);
  }

  #endOpen(): void {
    if (this.#open !== undefined) this.#write(this.#open.stream, "\n");
    this.#open = undefined;
  }
}

/** Where nobody reads a stream any more, ranks go on, and may save. */
function ownStreams(): WriteText {
  const stdout = new LastingOutput(Deno.stdout, {
    onFailure: (reason) => stderr.write(`warning: cannot write to stdout any more (${reason})\n`),
  });
  return (stream, text) => (stream === "stdout" ? stdout : stderr).write(text);
}

function ownStatus(): StatusLine | undefined {
  return Deno.stderr.isTerminal() ? new TerminalStatusLine(stderr, terminalWidth) : undefined;
}
