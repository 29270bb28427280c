// What the launchers of a job's hosts say to each other, as the text of notes on authenticated connections.

/** To a host. */
export type ToHost =
  /** Run your ranks, as host `node` of `nodes`. */
  | {
    readonly kind: "begin";
    readonly attempt: number;
    readonly node: number;
    readonly nodes: number;
  }
  /** Stop your ranks. */
  | { readonly kind: "stop" }
  /** The job is over; exit with this code. */
  | { readonly kind: "end"; readonly code: number; readonly text: string };

/** From a host: its ranks have ended. */
export interface FromHost {
  readonly attempt: number;
  /** `done` also if they were stopped as the first host asked for it. */
  readonly result: "done" | "stopped" | "killed" | "failed";
  /** The rank that failed first, */
  readonly rank: number;
  /** its exit code, */
  readonly code: number;
  readonly signal: Deno.Signal | null;
  /** and the end of its stderr. */
  readonly stderr: readonly string[];
}

/** @throws {TypeError} if the text is no message to a host */
export function parseToHost(text: string): ToHost {
  const fields = objectIn(text);
  const { kind } = fields;
  if (kind === "stop") return { kind };
  if (kind === "end") return { kind, code: number(fields.code), text: string(fields.text) };
  if (kind !== "begin") throw new TypeError(`A launcher has sent a note of kind ${kind}`);
  const [attempt, node, nodes] = [fields.attempt, fields.node, fields.nodes].map(number);
  return { kind, attempt, node, nodes };
}

/** @throws {TypeError} if the text is no message from a host */
export function parseFromHost(text: string): FromHost {
  const fields = objectIn(text);
  const result = RESULTS.find((each) => each === fields.result);
  if (result === undefined || !Array.isArray(fields.stderr)) {
    throw new TypeError(`A launcher has sent the result ${fields.result}`);
  }
  return {
    result,
    attempt: number(fields.attempt),
    rank: number(fields.rank),
    code: number(fields.code),
    signal: fields.signal === null ? null : string(fields.signal) as Deno.Signal,
    stderr: fields.stderr.map(string),
  };
}

function objectIn(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value === "object" && value !== null) return { ...value };
  throw new TypeError("A launcher has sent a note that is no object");
}

function number(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new TypeError(`A launcher has sent ${value} where an integer was expected`);
}

function string(value: unknown): string {
  if (typeof value === "string") return value;
  throw new TypeError(`A launcher has sent ${value} where text was expected`);
}

const RESULTS = ["done", "stopped", "killed", "failed"] as const;
