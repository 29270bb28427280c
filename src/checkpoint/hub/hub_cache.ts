// The cache of Python's huggingface_hub, shared with it:
//
//   models--owner--name/refs/main                      a revision's commit
//                       blobs/<hash>                   a file by the hash of its contents
//                       snapshots/<commit>/config.json -> ../../blobs/<hash>
//   .locks/models--owner--name/<hash>.lock             held by the process that downloads the file

/** The cached files of one model. */
export class HubCache {
  readonly #cache: string;
  readonly #name: string;

  /** The model `id`, such as `owner/name`. */
  constructor(cache: string, id: string) {
    this.#cache = cache;
    this.#name = ["models", ...id.split("/")].join("--");
  }

  /** The folder of the snapshot of a revision; undefined if it is not cached, or has no config.json. */
  async snapshotOf(revision: string): Promise<string | undefined> {
    const commit = COMMIT.test(revision) ? revision : await this.#commitOf(revision);
    if (commit === undefined) return undefined;
    const folder = this.snapshot(commit);
    return await exists(`${folder}/config.json`) ? folder : undefined;
  }

  /** The folder of a commit. */
  snapshot(commit: string): string {
    return `${this.#folder}/snapshots/${commit}`;
  }

  /** Notes that a revision is a commit. */
  async setRevision(revision: string, commit: string): Promise<void> {
    if (revision === commit) return;
    const path = `${this.#folder}/refs/${revision}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    const unfinished = `${path}.${crypto.randomUUID()}.tmp`;
    await Deno.writeTextFile(unfinished, commit);
    await Deno.rename(unfinished, path);
  }

  /** The path of the file with a hash, in a folder that exists. */
  async blob(hash: string): Promise<string> {
    await Deno.mkdir(`${this.#folder}/blobs`, { recursive: true });
    return `${this.#folder}/blobs/${hash}`;
  }

  /** Makes the file of a hash appear in a snapshot under its name. */
  async link(hash: string, { commit, name }: {
    readonly commit: string;
    readonly name: string;
  }): Promise<void> {
    const path = `${this.snapshot(commit)}/${name}`;
    if (await exists(path)) return;
    await Deno.mkdir(this.snapshot(commit), { recursive: true });
    // Renamed over what may be there: a link to a file that was removed, or one that another process makes at this moment.
    const unfinished = `${path}.${crypto.randomUUID()}.tmp`;
    try {
      await Deno.symlink(`../../blobs/${hash}`, unfinished);
    } catch (error) {
      if (Deno.build.os !== "windows") throw error;
      // Links need rights there; Python moves the file, too.
      await Deno.rename(await this.blob(hash), unfinished);
    }
    await Deno.rename(unfinished, path);
  }

  /** Waits for the lock of a file; disposing it releases it. */
  async lock(hash: string): Promise<Disposable> {
    const folder = `${this.#cache}/.locks/${this.#name}`;
    await Deno.mkdir(folder, { recursive: true });
    using stack = new DisposableStack();
    const file = stack.use(
      await Deno.open(`${folder}/${hash}.lock`, { read: true, write: true, create: true }),
    );
    await file.lock(true);
    return stack.move();
  }

  get #folder(): string {
    return `${this.#cache}/${this.#name}`;
  }

  async #commitOf(revision: string): Promise<string | undefined> {
    try {
      return (await Deno.readTextFile(`${this.#folder}/refs/${revision}`)).trim();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return undefined;
      }
      throw error;
    }
  }
}

/** Whether a path leads to a file or folder, through links too. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

const COMMIT = /^[0-9a-f]{40}$/;
