// Requests to the hub, by @huggingface/hub, and what its refusals mean for a person.

import type { HubSettings } from "./hub_settings.ts";

/** The hub cannot be reached; what is cached may still do. */
export class HubUnreachableError extends Error {
  /** "HubUnreachableError" */
  override readonly name = "HubUnreachableError";
}

/** The hub does not give what was asked for, and will not if it is asked again. */
export class HubRefusedError extends Error {
  /** "HubRefusedError" */
  override readonly name = "HubRefusedError";
}

/** A file of a model on the hub. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of large files, which is their name in the cache, too. */
  readonly sha256: string | undefined;
  /** Git's hash of small files. */
  readonly gitHash: string | undefined;
}

/** One revision of a model on the hub. */
export class HubModel {
  readonly #id: string;
  readonly #settings: HubSettings;

  /** The model `id`, such as `owner/name`. */
  constructor(id: string, settings: HubSettings) {
    this.#id = id;
    this.#settings = settings;
  }

  /** The commit of a revision. @throws {Error} saying what to do, if there is none or it may not be read */
  async commitOf(revision: string): Promise<string> {
    const { modelInfo } = await import("@huggingface/hub");
    const { sha } = await modelInfo({
      ...this.#access(revision),
      name: this.#id,
      revision,
      additionalFields: ["sha"],
    });
    if (/^[0-9a-f]{40}$/.test(sha)) return sha;
    throw new Error(`The hub gave ${JSON.stringify(sha)} as the commit of ${this.#id}`);
  }

  /** The files of a commit, without those in folders. */
  async files(commit: string): Promise<HubFile[]> {
    const { listFiles } = await import("@huggingface/hub");
    const listing = listFiles({ ...this.#access(commit), repo: this.#id, revision: commit });
    const files: HubFile[] = [];
    for await (const { type, path, size, oid, lfs } of listing) {
      if (type !== "file") continue;
      const hash = lfs?.oid ?? oid ?? "";
      // They become names in the cache.
      if (!/^[\w.-]+$/.test(path) || path.startsWith("..") || !/^[0-9a-f]{40,64}$/.test(hash)) {
        continue;
      }
      files.push({
        path,
        size: lfs?.size ?? size,
        sha256: lfs?.oid,
        gitHash: lfs ? undefined : oid,
      });
    }
    return files;
  }

  /** The bytes of a file from `begin` on. */
  async read(
    { path }: HubFile,
    { commit, begin }: { readonly commit: string; readonly begin: number },
  ): Promise<ReadableStream<Uint8Array>> {
    const { downloadFile } = await import("@huggingface/hub");
    const blob = await downloadFile({
      ...this.#access(commit),
      repo: this.#id,
      path,
      revision: commit,
      // Plain HTTP can go on at any byte.
      xet: false,
    });
    if (blob === null) throw new HubRefusedError(`${this.#id} has no ${path} on the hub any more`);
    return blob.slice(begin).stream();
  }

  #access(revision: string) {
    const { endpoint } = this.#settings;
    return {
      hubUrl: endpoint,
      fetch: (input: URL | RequestInfo, init?: RequestInit) =>
        this.#fetch(input, { init, revision }),
    };
  }

  async #fetch(
    input: URL | RequestInfo,
    { init, revision }: { readonly init: RequestInit | undefined; readonly revision: string },
  ): Promise<Response> {
    const { endpoint, token } = this.#settings;
    const url = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init?.headers);
    // For no other host than the hub, to which it may lead.
    if (token !== undefined && new URL(url).origin === new URL(endpoint).origin) {
      headers.set("Authorization", `Bearer ${token}`);
    }
    let response: Response;
    try {
      response = await fetch(input, { ...init, headers });
    } catch (cause) {
      throw new HubUnreachableError(
        `Cannot reach the hub at ${endpoint}: ${cause instanceof Error ? cause.message : cause}`,
        { cause },
      );
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw this.#refusal(response, revision);
    }
    // A question for the size only, whose answer nobody reads.
    if (headers.get("Range") !== "bytes=0-0") return response;
    await response.body?.cancel();
    return new Response(null, { status: 200, headers: response.headers });
  }

  #refusal({ status, headers }: Response, revision: string): Error {
    const { endpoint, token } = this.#settings;
    const code = headers.get("X-Error-Code");
    const id = this.#id;
    const advice = token === undefined
      ? "set HF_TOKEN"
      : "HF_TOKEN must be a token of an account that may read it";
    if (code === "GatedRepo" || status === 403) {
      return new HubRefusedError(
        `${id} is gated: accept its terms at ${endpoint}/${id}, and ${
          token === undefined
            ? `set HF_TOKEN to a token of that account (${endpoint}/settings/tokens)`
            : advice
        }`,
      );
    }
    if (code === "RevisionNotFound") {
      return new HubRefusedError(`${id} has no revision ${revision} on the hub`);
    }
    if (status === 401 || status === 404) {
      return new HubRefusedError(
        `There is no folder ${id}, and no model ${id} on the hub at ${endpoint}: check the name; if it is private, ${advice}`,
      );
    }
    if (status === 429 || status >= 500) {
      return new HubUnreachableError(`The hub at ${endpoint} answers ${status}: try again later`);
    }
    return new HubRefusedError(`The hub at ${endpoint} answers ${status} for ${id}`);
  }
}
