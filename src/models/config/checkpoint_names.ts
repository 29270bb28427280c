// The names of parameters in checkpoints: a table from the path of a module to its name in transformers, where `*` stands for the
// number of a block, and the last word (`weight`, `bias`) is the same in both. A parameter that belongs to no layer has an entry with
// its whole name.
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
  if (modules[path] !== undefined) return modules[path];
  const parts = path.split(".");
  const leaf = parts.at(-1)!;
  const numbers = parts.filter(isNumber);
  const pattern = parts.slice(0, -1).map((part) => isNumber(part) ? "*" : part).join(".");
  const name = modules[pattern];
  if (name === undefined) {
    throw new TypeError(
      `No tensor of a checkpoint is the parameter ${path}: name ${pattern} in the table`,
    );
  }
  let next = 0;
  return `${name.replaceAll("*", () => numbers[next++])}.${leaf}`;
}

function isNumber(part: string): boolean {
  return /^\d+$/.test(part);
}
