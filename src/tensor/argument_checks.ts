// Checks of arguments that plain JavaScript may get wrong, before anything is made of them.

/** @throws {TypeError} unless it is a device */
export function requireDevice(owner: string, device: unknown): void {
  if (typeof device === "object" && device !== null && "allocate" in device && "run" in device) {
    return;
  }
  const isPromise = device instanceof Promise;
  throw new TypeError(
    `${owner} wants a device, got ${isPromise ? "a promise" : kindOf(device)}: ` +
      `${isPromise ? "await it, as in " : "make one by "}\`await requestDevice()\``,
  );
}

/** @throws {TypeError} unless they are numbers, in an array or a typed array */
export function requireNumbers(owner: string, values: unknown): void {
  if (ArrayBuffer.isView(values) && !(values instanceof DataView)) {
    if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
      throw new TypeError(`${owner} wants numbers, got a ${values.constructor.name}`);
    }
    return;
  }
  if (!Array.isArray(values)) {
    throw new TypeError(`${owner} wants an array of numbers, got ${kindOf(values)}`);
  }
  const at = values.findIndex((value) => typeof value !== "number");
  if (at === -1) return;
  const isNested = Array.isArray(values[at]) || ArrayBuffer.isView(values[at]);
  throw new TypeError(
    `${owner} wants numbers, got ${kindOf(values[at])} at ${at}` +
      (isNested ? ": give one array of all, and the option `shape`" : ""),
  );
}

/** @throws {TypeError} unless it is a function; `example` is a call as it should be */
export function requireFunction(owner: string, f: unknown, example: string): void {
  if (typeof f === "function") return;
  throw new TypeError(`${owner} wants a function, as in \`${example}\`, got ${kindOf(f)}`);
}

/** @throws {TypeError} unless it is text; `what` is what it should name */
export function requireText(owner: string, what: string, value: unknown): void {
  if (typeof value === "string") return;
  throw new TypeError(`${owner} wants the name of ${what}, got ${kindOf(value)}`);
}

/** What a value is, for messages. */
export function kindOf(value: unknown): string {
  if (value instanceof Promise) return "a promise";
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return "an array";
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return `${value}`;
  return `an object of class ${value.constructor?.name ?? "null"}`;
}
