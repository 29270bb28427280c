// Prints the output of ranks, each line with the rank before it. A line may come in parts: the next part of the same line goes behind
// it, and output of another rank begins a new line.

import type { RankLine } from "../distributed/launcher/rank_output.ts";

/** Writes text to a stream of this process. */
export type WriteText = (stream: RankLine["stream"], text: string) => void;

/** Prints lines of ranks. */
export class RankPrinter {
  readonly #write: WriteText;
  /** The line that has not ended. */
  #open: Pick<RankLine, "rank" | "stream"> | undefined;

  /** Writes to this process's own streams, unless another way is given. */
  constructor(write: WriteText = writeText) {
    this.#write = write;
  }

  /** Prints a line or a part of one. */
  print({ rank, stream, text, isPart = false }: RankLine): void {
    const isNext = this.#open?.rank === rank && this.#open.stream === stream;
    if (!isNext) this.endLine();
    this.#write(stream, `${isNext ? "" : `[rank ${rank}] `}${text}${isPart ? "" : "\n"}`);
    this.#open = isPart ? { rank, stream } : undefined;
  }

  /** Begins a new line, if one is open. */
  endLine(): void {
    if (this.#open !== undefined) this.#write(this.#open.stream, "\n");
    this.#open = undefined;
  }
}

function writeText(stream: RankLine["stream"], text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let begin = 0; begin < bytes.length;) {
      begin += Deno[stream].writeSync(bytes.subarray(begin));
    }
  } catch {
    // The terminal is closed, or nobody reads the pipe: ranks go on, and may save.
  }
}
