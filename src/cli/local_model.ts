// The folder of the model that --model names: a model on the hub is downloaded, with a progress bar on a terminal.

import { SingleBar } from "cli-progress";
import type { DownloadProgress } from "../checkpoint/hub/hub_download.ts";
import { modelFolder } from "../checkpoint/hub/model_folder.ts";

/** The flags of commands that read a model. */
export interface ModelFlags {
  /** A folder, or a model's id on the hub. */
  readonly model: string;
  /** A path, or "bytes". */
  readonly tokenizer: string;
  /** A branch, tag or commit on the hub. */
  readonly revision?: string;
  /** Whether the weights are not needed. */
  readonly fromScratch?: boolean;
}

/** `flags` with a local folder as their model, whose tokenizer they name unless they named another. */
export async function withLocalModel<Flags extends ModelFlags>(
  flags: Flags,
  { rank }: { readonly rank: number },
): Promise<Flags> {
  const { model: name, revision, tokenizer } = flags;
  using display = new DownloadDisplay();
  const onDownload = rank === 0 ? display.show.bind(display) : undefined;
  const files = flags.fromScratch === true ? "all but weights" : "all";
  const model = await modelFolder(name, { revision, files, onDownload });
  if (revision !== undefined && model === name) {
    throw new TypeError(
      `--revision ${revision} is for a model on the hub, and --model ${name} is a folder: leave it out`,
    );
  }
  const isOwn = tokenizer === `${name}/tokenizer.json`;
  return { ...flags, model, tokenizer: isOwn ? `${model}/tokenizer.json` : tokenizer };
}

/** Shows downloads on stderr: a bar for each large file on a terminal, else a line. */
class DownloadDisplay implements Disposable {
  #bar: SingleBar | undefined;
  #file = "";

  show({ file, received, total }: DownloadProgress): void {
    if (file !== this.#file) this.#begin(file, { received, total });
    this.#bar?.update(inMegabytes(received));
    if (received >= total) this.#end();
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #begin(file: string, { received, total }: Omit<DownloadProgress, "file">): void {
    this.#end();
    this.#file = file;
    if (!Deno.stderr.isTerminal()) {
      const from = received > 0 ? ` from ${inMegabytes(received)} on` : "";
      console.error(`downloading ${file}, ${inMegabytes(total)} MB${from}`);
      return;
    }
    if (total < LEAST_FOR_BAR) return;
    this.#bar = new SingleBar({
      format: `${file} {bar} {value}/{total} MB | {eta_formatted} left`,
      barsize: 24,
      hideCursor: true,
      gracefulExit: false,
    });
    this.#bar.start(inMegabytes(total), inMegabytes(received));
  }

  #end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

const LEAST_FOR_BAR = 1e6;

function inMegabytes(bytes: number): number {
  return Math.round(bytes / 1e4) / 100;
}
