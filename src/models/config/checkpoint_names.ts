// The names of parameters in checkpoints: a table from the path of a module to its name in transformers, where `*` stands for the
// number of a block, and the last word (`weight`, `bias`) is the same in both. A parameter that belongs to no layer, or has another last
// word in transformers, has an entry with its whole name.
//
//   "blocks.*.attention.qkv": "transformer.h.*.attn.c_attn"        blocks.3.attention.qkv.bias -> transformer.h.3.attn.c_attn.bias

/**
 * The names of tensors in the files of a family.
 *
 * @category Models
 */
export interface CheckpointNames {
  /** From the path of a module, or of a parameter, to its name in the file. */
  readonly modules: Readonly<Record<string, string>>;
  /**
   * Parameters that are several tensors in files, which follow each other along the first dims: from the path to the names of those of
   * one index of the first dim, in order. The last `*` is the index.
   */
  readonly stacks?: Readonly<Record<string, readonly string[]>>;
  /** A prefix of names that files of a model without its head lack. */
  readonly basePrefix?: string;
  /** Endings of names, and the endings that older files have instead. */
  readonly olderEndings?: Readonly<Record<string, string>>;
  /** Tensors that files may hold and the model does not need, such as masks of old versions. */
  readonly ignored?: readonly RegExp[];
  /** Tensors that files may hold although the model ties them to another; both must be equal. From one to the other. */
  readonly tied?: Readonly<Record<string, string>>;
}

/** The name of the parameter at `path`. @throws {TypeError} if the table has no such module */
export function nameOf(path: string, { modules }: CheckpointNames): string {
  const parts = path.split(".");
  const words = parts.map((part) => isNumber(part) ? "*" : part);
  const pattern = words.slice(0, -1).join(".");
  const own = modules[path] ?? modules[words.join(".")];
  const name = own ?? (modules[pattern] && `${modules[pattern]}.${parts.at(-1)}`);
  if (name === undefined) {
    throw new TypeError(
      `No tensor of a checkpoint is the parameter ${path}: name ${pattern} in the table`,
    );
  }
  const numbers = parts.filter(isNumber);
  let next = 0;
  return name.replaceAll("*", () => numbers[next++]);
}

/** The names of a model that is in the field `field` of another, whose files put `prefix` before them. */
export function namesWithin(
  { modules, stacks, olderEndings, ignored = [], tied = {} }: CheckpointNames,
  { field, prefix }: { readonly field: string; readonly prefix: string },
): CheckpointNames {
  const renamed = (table: Readonly<Record<string, string>>, keyPrefix: string) =>
    Object.fromEntries(
      Object.entries(table).map(([key, name]) => [`${keyPrefix}${key}`, `${prefix}${name}`]),
    );
  const escaped = prefix.replaceAll(".", "\\.");
  return {
    modules: renamed(modules, `${field}.`),
    ...(stacks === undefined ? {} : {
      stacks: Object.fromEntries(
        Object.entries(stacks).map(([key, parts]) => [
          `${field}.${key}`,
          parts.map((name) => `${prefix}${name}`),
        ]),
      ),
    }),
    ...(olderEndings === undefined ? {} : { olderEndings }),
    ignored: ignored.map(({ source, flags }) =>
      new RegExp(
        source.startsWith("^") ? `^${escaped}(?:${source.slice(1)})` : `^${escaped}.*(?:${source})`,
        flags,
      )
    ),
    tied: renamed(tied, prefix),
  };
}

/** A tensor of a checkpoint. */
export interface StoredPart {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * The tensors in files that are the parameter at `path`, of the whole shape `shape`: one, or for a stack one after the other.
 *
 * @throws {TypeError} if the table has no such module.
 */
export function partsOf(
  path: string,
  shape: readonly number[],
  names: CheckpointNames,
): readonly StoredPart[] {
  const parts = path.split(".");
  const stack = names.stacks?.[parts.map((part) => isNumber(part) ? "*" : part).join(".")];
  if (stack === undefined) return [{ name: nameOf(path, names), shape }];
  const [count, rows, ...rest] = shape;
  const numbers = parts.filter(isNumber);
  return Array.from({ length: count }, (_, index) => index).flatMap((index) =>
    stack.map((name) => {
      const all = [...numbers, String(index)];
      let next = 0;
      return {
        name: name.replaceAll("*", () => all[next++]),
        shape: [rows / stack.length, ...rest],
      };
    })
  );
}

function isNumber(part: string): boolean {
  return /^\d+$/.test(part);
}
