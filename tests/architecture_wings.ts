// Wings: the folders inside src/optim, src/distributed, src/device, src/nn, src/models and src/train, and which of them each may import.
// "." is the folder's own files, outside of any wing.

import type { Import } from "./architecture_rules.ts";

/** The contents of a wing, and the other wings of its folder its files may import. */
interface Wing {
  readonly holds: string;
  readonly mayImport: readonly string[];
}

const wings: Readonly<Record<string, Readonly<Record<string, Wing>>>> = {
  distributed: {
    wire: {
      holds: "connections, frames and their encoding, and time: bytes between two ranks",
      mayImport: [],
    },
    failures: {
      holds: "what a failure is and which rank caused it; asks peers by control messages",
      mayImport: ["wire"],
    },
    records: {
      holds: "the last calls of a rank, and their analysis; a record names calls as frames do",
      mayImport: ["failures", "wire"],
    },
    calls: {
      holds: "the calls of one group: every call is recorded, and may fail",
      mayImport: ["failures", "records", "wire"],
    },
    membership: {
      holds: "joining a job and its control connections; its options choose the calls' algorithms",
      mayImport: ["calls", "failures", "wire"],
    },
    launcher: {
      holds:
        "processes and their environment; launchers of several hosts exchange control messages",
      mayImport: ["membership", "wire"],
    },
    ".": {
      holds: "what users call: launch, world, group, mesh, layout",
      mayImport: ["calls", "failures", "launcher", "membership", "records", "wire"],
    },
  },
  optim: {
    factoring: {
      holds: "roles of dims, factored views, blocks of a whole: shapes only",
      mayImport: [],
    },
    sums: { holds: "the packed buffer of sums, and its exchange", mayImport: [] },
    zero: { holds: "ZeRO: which rank owns which rows, buckets of gradients", mayImport: [] },
    options: {
      holds: "hyperparameters, groups and schedules; some concern the roles of dims",
      mayImport: ["factoring"],
    },
    state: {
      holds: "an optimizer's state of each parameter, of whatever fields a rule describes",
      mayImport: ["factoring", "options", "sums"],
    },
    plan: {
      holds: "memory and kernel operands, laid out before any step",
      mayImport: ["factoring", "options", "state", "sums"],
    },
    step: {
      holds: "one step as passes of kernels over a plan, and what it asks of an update rule",
      mayImport: ["factoring", "options", "plan", "state", "sums"],
    },
    rules: {
      holds: "update rules: what a step computes, as kernel calls, sums and fields of state",
      mayImport: ["factoring", "options", "plan", "state", "step", "sums"],
    },
    placement: {
      holds: "where parameters and gradients are: on one rank, or on a mesh with ZeRO",
      mayImport: ["factoring", "step", "zero"],
    },
    ".": {
      holds: "the optimizers",
      mayImport: ["options", "placement", "rules", "state", "step", "zero"],
    },
  },
  device: {
    kernels: {
      holds: "the table of kernels: operands, extents, checks; the same for every device",
      mayImport: ["."],
    },
    wasm: { holds: "the device that runs kernels compiled from Rust", mayImport: [".", "kernels"] },
    webgpu: { holds: "the device that runs kernels as WGSL", mayImport: [".", "kernels"] },
    ".": {
      holds: "what a device is, and the choice of one",
      mayImport: ["kernels", "wasm", "webgpu"],
    },
  },
  nn: {
    parallel: {
      holds: "layers that are split over tensor-parallel ranks, and their collectives",
      mayImport: [".", "lora"],
    },
    lora: {
      holds: "low-rank additions to linear layers, whatever these are split over",
      mayImport: ["."],
    },
    ".": {
      holds: "layers that are whole on every rank; they know nothing of ranks",
      mayImport: [],
    },
  },
  models: {
    config: { holds: "config.json, and the names of parameters in files", mayImport: [] },
    losses: { holds: "functions of logits and labels; they know no model", mayImport: [] },
    positions: {
      holds: "position encodings; rotary ones read their settings from a config",
      mayImport: ["config"],
    },
    cache: {
      holds: "keys and values of tokens that a model has seen; a layer is only a key to its part",
      mayImport: [],
    },
    blocks: {
      holds: "transformer blocks and their parts, the same for every model",
      mayImport: ["cache", "positions"],
    },
    splitting: {
      holds: "which layers of blocks and vocabularies are split over ranks",
      mayImport: ["blocks"],
    },
    speech: {
      holds: "recordings, and their spectrograms; knows no model",
      mayImport: [],
    },
    generation: {
      holds: "the choice of a token by its logits; knows no model",
      mayImport: [],
    },
    families: {
      holds: "one file per family: reads its config.json into the description of a model",
      mayImport: [".", "blocks", "config", "losses", "positions"],
    },
    ".": {
      holds: "the model classes, making them, splitting them and generating with them",
      mayImport: [
        "blocks",
        "cache",
        "config",
        "families",
        "generation",
        "losses",
        "positions",
        "splitting",
      ],
    },
  },
  train: {
    data: {
      holds: "from files to records, tokens and pixels, and their order; knows no model",
      mayImport: ["."],
    },
    tasks: {
      holds: "what a model learns from data: examples, losses and metrics",
      mayImport: [".", "data"],
    },
    ".": {
      holds: "the training loop, tokenizers and chat templates",
      mayImport: ["data", "tasks"],
    },
  },
};

/** Imports between wings of one folder that the table does not list. Entry points, the files called mod.ts, may import every wing. */
export function wrongWings(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to }) => {
    if (from.endsWith("/mod.ts")) return [];
    const [own, other] = [wingOf(from), wingOf(to)];
    if (own === undefined || other === undefined || own.folder !== other.folder) return [];
    if (own.wing === other.wing) return [];
    const mayImport = ruleOf(own, from).mayImport.includes(other.wing);
    ruleOf(other, to);
    return mayImport ? [] : [`${from} must not import ${to}`];
  });
}

interface Place {
  readonly folder: string;
  readonly wing: string;
}

/** `{ folder: "optim", wing: "zero" }` for src/optim/zero/packing.ts; undefined in a folder without rules for wings. */
function wingOf(file: string): Place | undefined {
  const [, folder, wing = "."] = /^src\/([^/]+)\/(?:([^/]+)\/)?/.exec(file) ?? [];
  return folder !== undefined && folder in wings ? { folder, wing } : undefined;
}

function ruleOf({ folder, wing }: Place, file: string): Wing {
  const rule = wings[folder][wing];
  if (rule === undefined) throw new Error(`${file} is in a wing without rules: add them here`);
  return rule;
}
