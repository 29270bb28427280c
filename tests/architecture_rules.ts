// The rules of the architecture, as pure functions of file names and imports: each returns its violations as text.
//
//   cli -> train -> checkpoint -> models -> nn, optim -> ops -> tensor -> device, distributed
//
// A folder may import the folders to the right of it. nn and optim do not import each other, nor do device and distributed;
// in tensor only exchange.ts and parameter.ts may import distributed. There are no import cycles, those of types included.
// The folders inside of a folder have rules of their own in architecture_wings.ts. The entry points of the package,
// src/*/mod.ts, may import every folder but cli, and only entry points import them.

/** One import statement of one file; paths are relative to the repository, or bare package names. */
export interface Import {
  readonly from: string;
  readonly to: string;
  readonly isTypeOnly: boolean;
}

/** All imports and re-exports in the text of `file`, static and dynamic. */
export function importsOf(file: string, text: string): Import[] {
  const statements = text.matchAll(
    /^(?:import|export)\b(?<type> type\b)?(?:[^"';]*?\bfrom)?\s*"(?<to>[^"]+)"/gm,
  );
  const dynamic = text.matchAll(/\bimport\(\s*"(?<to>[^"]+)"/g);
  return [...statements, ...dynamic].map(({ groups }) => ({
    from: file,
    to: resolve(file, groups!.to),
    isTypeOnly: groups!.type !== undefined,
  }));
}

/** Imports that run against the order of the folders. */
export function wrongDirections(imports: readonly Import[]): string[] {
  return imports
    .filter(({ from, to }) => folderOf(from) !== undefined && folderOf(to) !== undefined)
    .filter(({ from, to }) =>
      isEntryPoint(from)
        ? folderOf(to) === "cli"
        : isEntryPoint(to) || !mayImport(from, folderOf(to)!)
    )
    .map(({ from, to }) => `${from} must not import ${to}`);
}

/** Imports of what belongs to one file alone: compiled Rust, generated WGSL, and packages for the command line. */
export function wrongOwners(imports: readonly Import[]): string[] {
  return imports
    .filter(({ from, to, isTypeOnly }) =>
      from.startsWith("src/") && !isTypeOnly &&
      owners.some(({ what, owner }) => what.test(to) && !owner.test(from))
    )
    .map(({ from, to }) => `${from} must not import ${to}`);
}

/** Import cycles, those of types included, each as a path of files; each set of `allowed` files counts as one file. */
export function cycles(imports: readonly Import[], allowed = allowedCycles): string[] {
  const nameOf = new Map(
    allowed.flatMap((files) => files.map((file) => [file, files.join(" + ")])),
  );
  const arrows = imports
    .map(({ from, to }) => ({ from: nameOf.get(from) ?? from, to: nameOf.get(to) ?? to }))
    .filter(({ from, to }) => from !== to);
  const next = Map.groupBy(arrows, ({ from }) => from);
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start !== -1) found.push([...path.slice(start), file].join(" -> "));
    if (start !== -1 || done.has(file)) return;
    for (const { to } of next.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  return found;
}

/** Sets of allowed files that no longer import each other. */
export function needlessCycles(imports: readonly Import[]): string[] {
  return allowedCycles
    .filter((files) => {
      const inside = imports.filter(({ from, to }) => files.includes(from) && files.includes(to));
      return cycles(inside, []).length === 0;
    })
    .map((files) => files.join(" + "));
}

/** Files with names that do not describe their contents. */
export function vagueNames(files: readonly string[]): string[] {
  return files.filter((file) => VAGUE.test(file.split("/").at(-1)!));
}

/** Folders of src/ that each may import; a folder may always import itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  distributed: [],
  device: [],
  tensor: ["device"],
  ops: ["tensor", "device"],
  nn: ["ops", "tensor", "device", "distributed"],
  optim: ["ops", "tensor", "device", "distributed"],
  models: ["nn", "optim", "ops", "tensor", "device", "distributed"],
  checkpoint: ["models", "nn", "optim", "ops", "tensor", "device", "distributed"],
  train: ["checkpoint", "models", "nn", "optim", "ops", "tensor", "device", "distributed"],
  cli: ["train", "checkpoint", "models", "nn", "optim", "ops", "tensor", "device", "distributed"],
};

/** Files that may import each other. */
const allowedCycles: readonly (readonly string[])[] = [
  // A tensor has a node of the graph, nodes have tensors, and autograd walks the graph: one idea in three files.
  ["src/tensor/autograd.ts", "src/tensor/graph.ts", "src/tensor/tensor.ts"],
];

const seesDistributed = ["src/tensor/exchange.ts", "src/tensor/parameter.ts"];

const owners = [
  {
    what: /^rust_collectives\//,
    owner: /^src\/distributed\/(calls\/engine|wire\/algorithms)\.ts$/,
  },
  { what: /^rust_kernels\//, owner: /^src\/device\/wasm\/rust_kernels\.ts$/ },
  {
    what: /^src\/device\/webgpu\/wgsl_sources\.ts$/,
    owner: /^src\/device\/webgpu\/wgsl_composer\.ts$/,
  },
  {
    what: /^valibot$/,
    owner:
      /^src\/(cli\/|models\/|checkpoint\/|optim\/options\/option_shape\.ts$|train\/data\/image_pixels\.ts$)/,
  },
  { what: /^@huggingface\/hub$/, owner: /^src\/checkpoint\/hub\/hub_requests\.ts$/ },
  {
    what: /^@huggingface\/tokenizers$/,
    owner: /^src\/(cli\/|train\/(tokenizer|tasks\/text_tokenizer)\.ts$)/,
  },
  { what: /^@huggingface\/jinja$/, owner: /^src\/train\/chat_template\.ts$/ },
  { what: /^csv-parse$/, owner: /^src\/train\/data\/csv_rows\.ts$/ },
  { what: /^@streamparser\/json$/, owner: /^src\/train\/data\/json_array\.ts$/ },
  { what: /^hyparquet/, owner: /^src\/train\/data\/parquet_rows\.ts$/ },
  { what: /^(pngjs|jpeg-js)$/, owner: /^src\/train\/data\/image_file\.ts$/ },
  {
    what:
      /^(?!src\/|rust_|mod\.ts|node:|valibot$|csv-parse$|hyparquet|@streamparser\/|pngjs$|jpeg-js$|@huggingface\/(hub|jinja|tokenizers)$)/,
    owner: /^src\/cli\//,
  },
];

const VAGUE = /^(utils?|helpers?|common|base|manager|types?|index|misc)\.[a-z]+$/;

function mayImport(from: string, folder: string): boolean {
  const own = folderOf(from)!;
  if (folder === own || (folder === "distributed" && seesDistributed.includes(from))) return true;
  const list = allowed[own];
  if (list === undefined) throw new Error(`${from} is in a folder without rules: add them here`);
  return list.includes(folder);
}

function isEntryPoint(file: string): boolean {
  return /^src\/([^/]+\/mod|checkpoint\/safetensors)\.ts$/.test(file);
}

/** `tensor` for src/tensor/shape.ts; undefined outside the folders of src/. */
function folderOf(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1];
}

function resolve(file: string, to: string): string {
  return to.startsWith(".") ? new URL(to, `file:///${file}`).pathname.slice(1) : to;
}
