// The tensors of a checkpoint under the names that the model's table has. Files have the same tensors under other names:
//
//   without the prefix of models with a head         layers.0.mlp.up_proj.weight for model.layers.0.mlp.up_proj.weight
//   with the names of wrappers, anywhere in them     _orig_mod.model.norm.weight, module.transformer.wte.weight
//   under the name of a tensor that is tied to it    lm_head.weight for model.embed_tokens.weight

import type { CheckpointNames } from "../models/config/checkpoint_names.ts";
import { SafetensorsError } from "./safetensors_error.ts";

/** Names in one checkpoint. */
export class StoredNames {
  readonly #names: CheckpointNames;
  /** From names without wrappers to those in files. */
  readonly #stored = new Map<string, string>();

  /** The names of `stored` tensors of a family. @throws {SafetensorsError} if two of them differ in wrappers only */
  constructor(stored: Iterable<string>, names: CheckpointNames) {
    this.#names = names;
    for (const each of stored) {
      const name = this.#withoutOuterModel(withoutWrappers(each));
      const other = this.#stored.get(name);
      if (other !== undefined) {
        throw new SafetensorsError(`${other} and ${each} are two names of one tensor`);
      }
      this.#stored.set(name, each);
    }
  }

  /** The name in the files of the tensor that the table calls `name`; undefined if there is none. */
  find(name: string): string | undefined {
    const { tied = {} } = this.#names;
    const aliases = Object.keys(tied).filter((each) => tied[each] === name);
    for (const each of [name, ...aliases].flatMap((each) => this.#variants(each))) {
      const stored = this.#stored.get(each);
      if (stored !== undefined) return stored;
    }
    return undefined;
  }

  /** All tensors: the name in the files, and the table's if the tensor has the prefix of models with a head or needs none. */
  *all(): Generator<{ readonly stored: string; readonly name: string }> {
    const { basePrefix = "" } = this.#names;
    const ofBase = this.#segments(basePrefix);
    for (const [name, stored] of this.#stored) {
      const isShort = basePrefix !== "" && !name.startsWith(basePrefix) && ofBase.has(first(name));
      yield { stored, name: isShort ? basePrefix + name : name };
    }
  }

  /** Whether the table's `name` is within the part that models with all heads have. */
  isInBase(name: string): boolean {
    const { basePrefix } = this.#names;
    if (basePrefix !== undefined) return name.startsWith(basePrefix);
    return this.#segments("").has(first(name));
  }

  /** `name`, the same with older endings, and all of them without the prefix of models with a head. */
  #variants(name: string): string[] {
    const { basePrefix, olderEndings = {} } = this.#names;
    const older = Object.entries(olderEndings).flatMap(([ending, before]) =>
      name.endsWith(ending) ? [name.slice(0, -ending.length) + before] : []
    );
    const full = [name, ...older];
    const short = full.flatMap((each) =>
      basePrefix !== undefined && each.startsWith(basePrefix) ? [each.slice(basePrefix.length)] : []
    );
    return [...full, ...short];
  }

  /** Without a `model.` around the whole model, as training frameworks save it. */
  #withoutOuterModel(name: string): string {
    if (!name.startsWith(OUTER)) return name;
    const inner = name.slice(OUTER.length);
    const { basePrefix = "" } = this.#names;
    const isWhole = this.#segments("").has(first(inner));
    const isBase = basePrefix !== OUTER && this.#segments(basePrefix).has(first(inner));
    return isWhole || isBase ? inner : name;
  }

  /** The first words, behind `prefix`, of all names that begin with it. */
  #segments(prefix: string): ReadonlySet<string> {
    const names = Object.values(this.#names.modules).filter((each) => each.startsWith(prefix));
    return new Set(names.map((each) => first(each.slice(prefix.length))));
  }
}

/** `name` without the names of modules that wrap others: torch.compile's, DataParallel's and FSDP's. */
export function withoutWrappers(name: string): string {
  return name.replaceAll(WRAPPERS, "").replace(/^(module\.)+/, "");
}

function first(name: string): string {
  return name.split(".", 1)[0];
}

const OUTER = "model.";
const WRAPPERS = /(?<=^|\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;
