// A row of a file of records: values by the names of their columns.

/** A row, of JSON Lines, JSON, CSV or Parquet. */
export interface Row {
  readonly values: Readonly<Record<string, unknown>>;
  /** Where it is, such as `train.jsonl:17`. */
  readonly place: string;
  /** Whether all values are text, as in CSV, where numbers and lists are written as in JSON. */
  readonly isText?: boolean;
}

/** An error with the place of what it is about. */
export function errorAt(place: string, cause: unknown, remedy = ""): TypeError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TypeError(`${place}: ${message}${remedy}`, { cause });
}

/** @throws {TypeError} if a value is no object with columns */
export function rowOf(value: unknown, place: string): Row {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { values: value as Record<string, unknown>, place };
  }
  const what = Array.isArray(value) ? "a list" : value === null ? "null" : `a ${typeof value}`;
  throw new TypeError(`${place}: wanted an object such as {"text": "..."}, got ${what}`);
}
