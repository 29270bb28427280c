// The local folder of a model that is named by a path or by its id on the hub: the path if there is such a folder, else the snapshot in
// the cache of Python's huggingface_hub, which is downloaded first unless it is there.

import { isCompanion } from "../companions.ts";
import { downloadFile, type DownloadProgress } from "./hub_download.ts";
import { exists, HubCache } from "./hub_cache.ts";
import { type HubFile, HubModel, HubUnreachableError } from "./hub_requests.ts";
import { type HubSettings, hubSettings } from "./hub_settings.ts";

/**
 * Options of {@linkcode modelFolder}.
 *
 * @category Checkpoints
 */
export interface ModelFolderOptions {
  /** A branch, tag or commit on the hub. Default: main. */
  readonly revision?: string | undefined;
  /** Which files are downloaded: without weights, for a new model of that config. Default: all that are needed. */
  readonly files?: "all" | "all but weights" | undefined;
  /** Called while a file is downloaded. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
}

/**
 * The local folder of a model. A folder of that name goes first; else it is the id of a model on the hub, such as
 * `HuggingFaceTB/SmolLM2-135M`, which is downloaded into the cache of Python's huggingface_hub: config.json, weights as safetensors,
 * tokenizer, and files that belong to them. Files that are cached are not downloaded again, a download that was cut goes on, sizes and
 * hashes are verified. The variables HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean in Python;
 * without a network, what is cached is taken.
 *
 * @throws {Error} if there is neither such a folder nor such a model, it may not be read without a token, or it has no safetensors.
 *
 * @category Checkpoints
 */
export async function modelFolder(
  name: string,
  options: ModelFolderOptions = {},
): Promise<string> {
  if (await exists(name) || !isHubId(name)) return name;
  return await hubFolder(name, { ...options, settings: await hubSettings(), pause: 500 });
}

/** As {@linkcode modelFolder} for a model on the hub, with settings that are not those of the environment. */
export async function hubFolder(
  id: string,
  { revision = "main", files: wanted = "all", onDownload, settings, pause }: ModelFolderOptions & {
    readonly settings: HubSettings;
    readonly pause: number;
  },
): Promise<string> {
  if (!/^[\w.-]+(\/[\w.-]+)*$/.test(revision) || revision.includes("..")) {
    throw new TypeError(`A revision is a branch, tag or commit, got ${JSON.stringify(revision)}`);
  }
  const cache = new HubCache(settings.cache, id);
  const cached = await cache.snapshotOf(revision);
  if (settings.isOffline) {
    if (cached !== undefined) return cached;
    throw new Error(
      `There is no folder ${id}, and revision ${revision} of ${id} is not in the cache ${settings.cache}: ` +
        "unset HF_HUB_OFFLINE to download it",
    );
  }
  const model = new HubModel(id, settings);
  let commit: string;
  let files: HubFile[];
  try {
    commit = await model.commitOf(revision);
    files = await model.files(commit);
  } catch (error) {
    if (!(error instanceof HubUnreachableError)) throw error;
    if (cached !== undefined) return cached;
    throw new Error(
      `There is no folder ${id}, and it is not in the cache ${settings.cache}. ${error.message}`,
      { cause: error },
    );
  }
  for (const file of neededFiles(id, { files, wanted })) {
    await downloadFile(file, { model, cache, commit, onProgress: onDownload, pause });
  }
  await cache.setRevision(revision, commit);
  return cache.snapshot(commit);
}

/** Whether a name can be a model's on the hub: one or two words, not a path. */
function isHubId(name: string): boolean {
  return /^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(name) && !/--|\.\./.test(name);
}

/** The files that loading and saving need: config.json last, as a snapshot with it counts as whole. */
function neededFiles(id: string, { files, wanted }: {
  readonly files: readonly HubFile[];
  readonly wanted: "all" | "all but weights";
}): HubFile[] {
  const named = (wanted: string) => files.find(({ path }) => path === wanted);
  const config = named("config.json");
  if (config === undefined) {
    throw new Error(`${id} on the hub has no config.json: it is no model of transformers`);
  }
  const companions = files.filter(({ path }) => isCompanion(path));
  return [...companions, ...wanted === "all" ? weightFiles(id, files) : [], config];
}

/** model.safetensors, or an index and its parts. */
function weightFiles(id: string, files: readonly HubFile[]): HubFile[] {
  const named = (wanted: string) => files.find(({ path }) => path === wanted);
  const whole = named("model.safetensors");
  const parts = named("model.safetensors.index.json") === undefined ? [] : files.filter(
    ({ path }) => path === "model.safetensors.index.json" || PART.test(path),
  );
  const weights = whole === undefined ? parts : [whole];
  if (weights.length > 0) return weights;
  const others = files.map(({ path }) => path).filter((path) => OTHER_WEIGHTS.test(path));
  throw new Error(
    `${id} on the hub has no model.safetensors${
      others.length === 0 ? "" : `, only ${others.join(", ")}`
    }: take a revision or a model that has (many have it as revision refs/pr/...), or convert it with transformers`,
  );
}

const PART = /^model-\d+-of-\d+\.safetensors$/;
const OTHER_WEIGHTS = /\.(bin|gguf|h5|msgpack|safetensors)$/;
