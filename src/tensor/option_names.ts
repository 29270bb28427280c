// A check of options, for callers without types: a name that is not known would have been ignored.

import { kindOf } from "./argument_checks.ts";

/** @throws {TypeError} if `options` of the function or class `owner` has a name that is not in `names`, or is no object. */
export function checkOptions(owner: string, options: unknown, names: readonly string[]): void {
  if (
    typeof options !== "object" || options === null || Array.isArray(options) ||
    options instanceof Promise
  ) {
    throw new TypeError(
      `${owner} wants an object of options, such as { ${names[0]}: ... }, got ${kindOf(options)}`,
    );
  }
  for (const name in options) {
    if (names.includes(name) || !Object.hasOwn(options, name)) continue;
    const isPlain = options.constructor === Object || options.constructor === undefined;
    throw new TypeError(
      `${owner} has no option "${name}"${isPlain ? "" : ` (got ${kindOf(options)})`}: it has ` +
        names.join(", "),
    );
  }
}

/** What a value is that should have been a tensor, and what to do. */
export function described(value: unknown): string {
  const kind = kindOf(value);
  if (value instanceof Promise) return `${kind}: await it first, as in \`await layer.forward(x)\``;
  return typeof value === "number" || Array.isArray(value) || ArrayBuffer.isView(value)
    ? `${kind}: make a tensor of it with Tensor.from(device, [...])`
    : kind;
}
