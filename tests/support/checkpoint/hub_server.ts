// A hub on loopback, with the paths of Hugging Face's: information and files of a model by revision, large files from another host.

import { createHash } from "node:crypto";

/** A model on the hub. */
export interface ServedModel {
  readonly commit: string;
  /** By their names. */
  readonly files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  /** Whoever does not send it may not read the model. */
  readonly token?: string;
  /** Then its description may be read by all, and only its files need the token. */
  readonly isGated?: boolean;
}

/** Serves models until it is disposed. */
export class HubServer implements AsyncDisposable {
  /** By id. */
  readonly models: Record<string, ServedModel> = {};
  /** Requests, such as `GET /api/models/a/b/revision/main` or `GET /a/b/resolve/... bytes=3-9`. */
  readonly requests: string[] = [];
  /** Authorization headers that the host of large files got. */
  readonly leaked: string[] = [];
  /** Bytes of a file's contents after which each of the next connections is cut. */
  readonly cuts: number[] = [];
  /** Answers everything with this status, if it is set. */
  status: number | undefined;
  readonly #hub: Deno.HttpServer<Deno.NetAddr>;
  readonly #storage: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#storage = Deno.serve(options, (request) => {
      const authorization = request.headers.get("Authorization");
      if (authorization !== null) this.leaked.push(authorization);
      const [, id, name] = /^\/(.*)\/([^/]+)$/.exec(new URL(request.url).pathname)!;
      return this.#contents(this.models[id].files[name], request);
    });
    this.#hub = Deno.serve(options, (request) => this.#answer(request));
  }

  /** Its address. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#hub.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hub.shutdown();
    await this.#storage.shutdown();
  }

  #answer(request: Request): Response {
    const path = decodeURIComponent(new URL(request.url).pathname);
    const range = request.headers.get("Range");
    this.requests.push(`${request.method} ${path}${range === null ? "" : ` ${range}`}`);
    if (this.status !== undefined) return new Response("busy", { status: this.status });
    const [, id, what, rest] =
      /^(?:\/api\/models)?\/([^/]+(?:\/[^/]+)?)\/(revision|tree|resolve)\/(.*)$/.exec(path) ?? [];
    const model = this.models[id];
    const refuse = (status: number, code: string) =>
      Response.json({ error: code }, { status, headers: { "X-Error-Code": code } });
    if (model === undefined) return refuse(401, "RepoNotFound");
    const isAllowed = model.token === undefined ||
      request.headers.get("Authorization") === `Bearer ${model.token}`;
    const isPublic = model.isGated === true && what !== "resolve";
    if (!isAllowed && model.isGated === true && !isPublic) return refuse(401, "GatedRepo");
    if (!isAllowed && !isPublic) return refuse(401, "RepoNotFound");
    const [revision, ...name] = rest.split("/");
    if (revision !== "main" && revision !== model.commit) return refuse(404, "RevisionNotFound");
    switch (what) {
      case "revision":
        return Response.json({
          ...{ _id: "1", id, sha: model.commit, lastModified: "2026-01-01T00:00:00.000Z" },
          siblings: Object.keys(model.files).map((rfilename) => ({ rfilename })),
        });
      case "tree":
        return Response.json(Object.entries(model.files).map((each) => entryOf(...each)));
      default: {
        const bytes = model.files[name.join("/")];
        const headers = { "X-Repo-Commit": model.commit };
        if (!isLarge(bytes)) return this.#contents(bytes, request, headers);
        const { port } = this.#storage.addr;
        const Location = `http://127.0.0.1:${port}/${id}/${name.join("/")}`;
        const linked = {
          "X-Linked-Size": String(bytes.length),
          "X-Linked-ETag": `"${hashOf(bytes)}"`,
        };
        return new Response(null, { status: 302, headers: { ...headers, ...linked, Location } });
      }
    }
  }

  #contents(
    bytes: Uint8Array<ArrayBuffer>,
    request: Request,
    more: Readonly<Record<string, string>> = {},
  ): Response {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("Range") ?? "");
    const [begin, end] = range === null
      ? [0, bytes.length]
      : [Number(range[1]), Math.min(Number(range[2]) + 1, bytes.length)];
    const cut = end - begin > 1 ? this.cuts.shift() ?? Infinity : Infinity;
    let at = begin;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (at - begin >= cut) return controller.close();
        const next = Math.min(at + PIECE, end);
        controller.enqueue(bytes.slice(at, next));
        at = next;
        if (at === end) controller.close();
      },
    });
    const headers = {
      ...more,
      ETag: `"${hashOf(bytes)}"`,
      "Content-Length": String(end - begin),
      ...(range === null ? {} : { "Content-Range": `bytes ${begin}-${end - 1}/${bytes.length}` }),
    };
    return new Response(body, { status: range === null ? 200 : 206, headers });
  }
}

/** The name of a file in the cache. */
export function hashOf(bytes: Uint8Array): string {
  return isLarge(bytes)
    ? createHash("sha256").update(bytes).digest("hex")
    : createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

function entryOf(path: string, bytes: Uint8Array) {
  const oid = isLarge(bytes) ? "0".repeat(40) : hashOf(bytes);
  const lfs = { oid: hashOf(bytes), size: bytes.length, pointerSize: 130 };
  return { type: "file", path, size: bytes.length, oid, ...(isLarge(bytes) ? { lfs } : {}) };
}

/** Whether a file is stored with Git LFS. */
function isLarge(bytes: Uint8Array): boolean {
  return bytes.length >= 4000;
}

const PIECE = 500;
