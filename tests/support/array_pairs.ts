// The pairs of arrays that two structures hold at the same places, as a training's weights, gradients and states do:
//
//   { w: [1, 2], state: { w: { rows: 2 } } }  and  { w: [1, 3], state: { w: { rows: 2 } } }
//     ->  w: [1, 2] and [1, 3],  state.w.rows: [2] and [2]
//
// Whatever cannot be compared number by number (a missing name, another type, another length) is a mismatch, in words.

/** Array of numbers, stored in any way. */
export type NumberArray =
  | Float64Array
  | Float32Array
  | Float16Array
  | Uint32Array
  | Int32Array
  | Uint16Array
  | Int16Array
  | Uint8Array
  | Int8Array
  | Uint8ClampedArray
  | readonly number[];

/** Two arrays of one length, and where in the structures they are. */
export interface ArrayPair {
  readonly path: string;
  readonly actual: NumberArray;
  readonly expected: NumberArray;
}

/** Pairs of arrays, and differences of structure. */
export interface Pairing {
  readonly pairs: ArrayPair[];
  readonly mismatches: string[];
}

/**
 * Walks two structures of records, maps, lists, arrays of numbers and single values.
 *
 * @throws {TypeError} if they hold anything else, such as a promise that was not awaited
 */
export function pairArrays(actual: unknown, expected: unknown, name = ""): Pairing {
  const pairing: Pairing = { pairs: [], mismatches: [] };
  walk({ actual, expected, path: name }, pairing);
  return pairing;
}

interface Place {
  readonly actual: unknown;
  readonly expected: unknown;
  readonly path: string;
}

function walk({ actual, expected, path }: Place, pairing: Pairing): void {
  const kind = kindOf(expected, path);
  const actualKind = kindOf(actual, path);
  if (actualKind !== kind && !areLists(actualKind, kind)) {
    pairing.mismatches.push(`${at(path)}${actualKind} instead of ${kind}`);
  } else if (kind === "numbers" && actualKind === "numbers") {
    pairNumbers(actual as NumberArray, expected as NumberArray, { path, pairing });
  } else if (kind === "number") {
    pairing.pairs.push({ path, actual: [actual as number], expected: [expected as number] });
  } else if (kind === "names") {
    walkNames(entriesOf(actual as object), entriesOf(expected as object), { path, pairing });
  } else if (kind === "list" || actualKind === "list") {
    walkList(actual as ArrayLike<unknown>, expected as ArrayLike<unknown>, { path, pairing });
  } else if (actual !== expected) {
    pairing.mismatches.push(`${at(path)}${String(actual)} instead of ${String(expected)}`);
  }
}

interface Found {
  readonly path: string;
  readonly pairing: Pairing;
}

function pairNumbers(actual: NumberArray, expected: NumberArray, { path, pairing }: Found): void {
  const types = [actual.constructor.name, expected.constructor.name];
  if (types[0] !== types[1] && !types.includes("Array")) {
    pairing.mismatches.push(`${at(path)}${types[0]} instead of ${types[1]}`);
  } else if (actual.length !== expected.length) {
    pairing.mismatches.push(
      `${at(path)}${actual.length} elements instead of ${expected.length}`,
    );
  } else {
    pairing.pairs.push({ path, actual, expected });
  }
}

function walkNames(
  actual: ReadonlyMap<string, unknown>,
  expected: ReadonlyMap<string, unknown>,
  { path, pairing }: Found,
): void {
  const missing = [...expected.keys()].filter((name) => !actual.has(name));
  const extra = [...actual.keys()].filter((name) => !expected.has(name));
  if (missing.length > 0) pairing.mismatches.push(`${at(path)}missing ${listed(missing)}`);
  if (extra.length > 0) pairing.mismatches.push(`${at(path)}unexpected ${listed(extra)}`);
  for (const [name, value] of expected) {
    if (!actual.has(name)) continue;
    const within = path === "" ? name : `${path}.${name}`;
    walk({ actual: actual.get(name), expected: value, path: within }, pairing);
  }
}

function walkList(
  actual: ArrayLike<unknown>,
  expected: ArrayLike<unknown>,
  { path, pairing }: Found,
): void {
  if (actual.length !== expected.length) {
    pairing.mismatches.push(`${at(path)}${actual.length} entries instead of ${expected.length}`);
    return;
  }
  for (let i = 0; i < expected.length; i++) {
    walk({ actual: actual[i], expected: expected[i], path: `${path}[${i}]` }, pairing);
  }
}

type Kind = "numbers" | "list" | "names" | "number" | "bigint" | "string" | "boolean" | "nothing";

function kindOf(value: unknown, path: string): Kind {
  if (value === undefined || value === null) return "nothing";
  const type = typeof value;
  if (type === "number" || type === "bigint" || type === "string" || type === "boolean") {
    return type;
  }
  if (Array.isArray(value)) return value.every((x) => typeof x === "number") ? "numbers" : "list";
  if (isNumberArray(value)) return "numbers";
  if (value instanceof Map) return "names";
  const prototype = type === "object" ? Object.getPrototypeOf(value) : undefined;
  if (prototype === Object.prototype || prototype === null) return "names";
  throw new TypeError(
    `${at(path)}cannot compare ${Object.prototype.toString.call(value)} by numbers: ` +
      "pass records, maps, lists, arrays of numbers or single values",
  );
}

function isNumberArray(value: unknown): boolean {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) &&
    !(value instanceof BigInt64Array) && !(value instanceof BigUint64Array);
}

/** An empty or mixed list has the kind that its elements give it. */
function areLists(one: Kind, other: Kind): boolean {
  return [one, other].every((kind) => kind === "numbers" || kind === "list");
}

function entriesOf(value: object): ReadonlyMap<string, unknown> {
  return value instanceof Map
    ? new Map([...value].map(([key, each]) => [String(key), each]))
    : new Map(Object.entries(value));
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).map((name) => JSON.stringify(name)).join(", ");
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown;
}

/** A path as the beginning of a message. */
export function at(path: string): string {
  return path === "" ? "" : `${path}: `;
}

const NAMES_SHOWN = 10;
