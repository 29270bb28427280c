// The memory that pending calls read and write, in all groups of this process.
//
//   group A: allReduce(values) ─┐  both pending: their bytes would mix, and no rank could tell
//   group B: allReduce(values) ─┘  -> the second is refused before anything is sent
//
// Calls of one lane run one after the other, so each reads what the one before it has written: they may share memory. So may
// calls that only read it.

/** Calls that run one after the other; those of two lanes may run at the same time. */
export interface Lane {
  /** Collectives of a group come before and after all its messages. */
  readonly group: object;
  /** "" for collectives; messages of the same peer and direction have the same key. */
  readonly key: string;
}

/** The memory of one call, until it has ended. */
export interface MemoryUse {
  readonly lane: Lane;
  /** Of the call, and the global ranks of its group, for errors. */
  readonly op: string;
  readonly ranks: readonly number[];
  readonly reads: Uint8Array;
  /** Empty if it only reads. */
  readonly writes: Uint8Array;
}

/**
 * Notes that a call uses memory.
 *
 * @throws {Error} if it would read or write what a pending call writes, or write what one reads.
 */
export function beginUse(use: MemoryUse): void {
  for (const other of pending) {
    if (runInTurn(use.lane, other.lane)) continue;
    const { reads, writes } = other;
    if (
      !overlap(use.writes, reads) && !overlap(use.writes, writes) && !overlap(use.reads, writes)
    ) continue;
    throw new Error(
      `${describe(use)} uses memory that ${
        describe(other)
      } is still using, so that their bytes would mix: ` +
        "await that call first, or give one of them a copy",
    );
  }
  pending.add(use);
}

/** Notes that the call has ended. */
export function endUse(use: MemoryUse): void {
  pending.delete(use);
}

function runInTurn(a: Lane, b: Lane): boolean {
  return a.group === b.group && (a.key === b.key || a.key === "" || b.key === "");
}

function describe({ op, ranks }: MemoryUse): string {
  return `${op}() of group [${ranks.join(", ")}]`;
}

function overlap(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength > 0 && b.byteLength > 0 && a.buffer === b.buffer &&
    a.byteOffset < b.byteOffset + b.byteLength &&
    b.byteOffset < a.byteOffset + a.byteLength;
}

const pending = new Set<MemoryUse>();
