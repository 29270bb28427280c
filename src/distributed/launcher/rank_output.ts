// The output of a rank as lines. Lines may be long, and may have no end for a while, such as a progress bar or a question: they are
// passed on in parts then, if parts are wanted. Each byte is looked at once.
//
// A process that the rank has started may hold the pipes open after the rank has ended, so their end is not waited for: once the rank
// has ended, what is in the pipes is read, and they are closed.

/** A line of a rank's output, without its newline, or a part of one. */
export interface RankLine {
  readonly rank: number;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  /** True if more of this line follows: only where parts are wanted. */
  readonly isPart?: boolean;
}

/** Reads a stream as lines. */
export class OutputReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #lines: LineSplitter;
  readonly #done: Promise<void>;
  #isDone = false;
  #numReads = 0;

  /** Reads until the stream ends or `finish` is called. */
  constructor(stream: ReadableStream<Uint8Array>, lines: LineSplitter) {
    this.#reader = stream.getReader();
    this.#lines = lines;
    this.#done = this.#readAll();
  }

  /** Reads what is there, to be called when the process has ended; resolves when all of it has been passed on. */
  async finish(): Promise<void> {
    const begin = performance.now();
    let [quietPolls, seen] = [0, this.#numReads];
    while (
      !this.#isDone && quietPolls < QUIET_POLLS && performance.now() - begin < LONGEST_DRAIN_MS
    ) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const poll = new Promise((resolve) => timer = setTimeout(resolve, POLL_MS));
      await Promise.race([this.#done, poll]);
      clearTimeout(timer);
      quietPolls = this.#numReads === seen ? quietPolls + 1 : 0;
      seen = this.#numReads;
    }
    await this.#reader.cancel();
    await this.#done;
  }

  async #readAll(): Promise<void> {
    const decoder = new TextDecoder();
    while (true) {
      const { value, done } = await this.#reader.read();
      if (done) break;
      this.#numReads++;
      this.#lines.push(decoder.decode(value, { stream: true }));
    }
    this.#lines.push(decoder.decode());
    this.#lines.end();
    this.#isDone = true;
  }
}

/** Splits text, which arrives in pieces, into lines. */
export class LineSplitter {
  readonly #onLine: (text: string, isPart: boolean) => void;
  readonly #partMs: number | undefined;
  /** Pieces of the line that has not ended. */
  #pieces: string[] = [];
  #length = 0;
  /** Whether the beginning of the line was passed on. */
  #isOpen = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** With `partMs`, the beginning of a line is passed on that many milliseconds after its last piece, or when it is long. */
  constructor(onLine: (text: string, isPart: boolean) => void, partMs?: number) {
    this.#onLine = onLine;
    this.#partMs = partMs;
  }

  /** The next piece. */
  push(text: string): void {
    clearTimeout(this.#timer);
    let begin = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", begin)) {
      this.#pieces.push(text.slice(begin, end));
      this.#emit(false);
      begin = end + 1;
    }
    if (begin < text.length) {
      this.#pieces.push(text.slice(begin));
      this.#length += text.length - begin;
    }
    if (this.#pieces.length === 0 || this.#partMs === undefined) return;
    if (this.#length > LONG_LINE) this.#emit(true);
    else this.#timer = setTimeout(() => this.#emit(true), this.#partMs);
  }

  /** There is no more. */
  end(): void {
    clearTimeout(this.#timer);
    if (this.#pieces.length > 0 || this.#isOpen) this.#emit(false);
  }

  #emit(isPart: boolean): void {
    const text = this.#pieces.join("");
    this.#pieces = [];
    this.#length = 0;
    this.#isOpen = isPart;
    this.#onLine(text, isPart);
  }
}

/** The last lines of an output. */
export class OutputTail {
  readonly #lines: string[] = [];
  #isOpen = false;

  /** Adds a line or a part of one. */
  add({ text, isPart = false }: Pick<RankLine, "text" | "isPart">): void {
    if (this.#isOpen) {
      const last = this.#lines.length - 1;
      this.#lines[last] = (this.#lines[last] + text).slice(-LONG_LINE);
    } else this.#lines.push(text.slice(-LONG_LINE));
    this.#isOpen = isPart;
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }

  /** The lines, oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }
}

/** Characters after which a line is passed on without its end. */
const LONG_LINE = 1 << 16;
const KEPT_LINES = 200;
const POLL_MS = 25;
/** So often in a row nothing was read, so nothing is left. */
const QUIET_POLLS = 6;
/** A process that goes on writing is not waited for. */
const LONGEST_DRAIN_MS = 2_000;
