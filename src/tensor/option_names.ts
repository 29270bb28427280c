// A check of options, for callers without types: a name that is not known would have been ignored.

import { kindOf } from "./argument_checks.ts";

/** @throws {TypeError} if `options` of the function or class `owner` has a name that is not in `names`, or is no object. */
export function checkOptions(owner: string, options: unknown, names: readonly string[]): void {
  requireObject(owner, options, names[0]!);
  for (const name in options) {
    if (names.includes(name) || !Object.hasOwn(options, name)) continue;
    const isPlain = options.constructor === Object || options.constructor === undefined;
    throw new TypeError(
      `${owner} has no option "${name}"${isPlain ? "" : ` (got ${kindOf(options)})`}: it has ` +
        names.join(", "),
    );
  }
}

/** @throws {TypeError} if `options` are no object; `name` is one that they may have */
export function requireObject(
  owner: string,
  options: unknown,
  name: string,
): asserts options is object {
  const isObject = typeof options === "object" && options !== null && !Array.isArray(options) &&
    !(options instanceof Promise);
  if (isObject) return;
  throw new TypeError(
    `${owner} wants an object of options, such as { ${name}: ... }, got ${kindOrNumber(options)}`,
  );
}

/** What a value is that should have been a tensor, and what to do. */
export function described(value: unknown): string {
  const kind = kindOrNumber(value);
  if (value instanceof Promise) return `${kind}: await it first, as in \`await layer.forward(x)\``;
  return typeof value === "number" || Array.isArray(value) || ArrayBuffer.isView(value)
    ? `${kind}: make a tensor of it with Tensor.from(device, [...])`
    : kind;
}

function kindOrNumber(value: unknown): string {
  return typeof value === "number" ? "a number" : kindOf(value);
}
