// The output of ranks as files, those of every attempt on their own:
//
//   <folder>/attempt-0/rank-3/stdout.log
//   <folder>/attempt-0/rank-3/stderr.log
//
// A later job with the same folder writes behind what is there.

import { join } from "node:path";
import type { RankLine } from "./rank_output.ts";

/** Writes the output of one attempt. */
export class RankLogs implements Disposable {
  readonly #folder: string;
  readonly #files = new Map<string, Deno.FsFile>();

  /** Makes the folder. @throws {Error} if it cannot be made */
  constructor(folder: string, attempt: number) {
    this.#folder = join(folder, `attempt-${attempt}`);
    Deno.mkdirSync(this.#folder, { recursive: true });
  }

  /** Appends a line, or a part of one. @throws {Error} if it cannot be written */
  write({ rank, stream, text, isPart = false }: RankLine): void {
    const bytes = new TextEncoder().encode(isPart ? text : `${text}\n`);
    const file = this.#fileOf(rank, stream);
    for (let begin = 0; begin < bytes.length;) begin += file.writeSync(bytes.subarray(begin));
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    for (const file of this.#files.values()) file.close();
  }

  #fileOf(rank: number, stream: RankLine["stream"]): Deno.FsFile {
    const name = `rank-${rank}/${stream}.log`;
    const open = this.#files.get(name);
    if (open !== undefined) return open;
    Deno.mkdirSync(join(this.#folder, `rank-${rank}`), { recursive: true });
    const file = Deno.openSync(join(this.#folder, name), { append: true, create: true });
    this.#files.set(name, file);
    return file;
  }
}
