// A covering array: rows of one value per factor, such that every pair of values of two factors that may stand together does so in
// some row. Far fewer rows than all combinations, and still whatever depends on two factors together is met (Cohen et al. 1997).

/** The values that each factor takes, by name. */
export type Factors = Readonly<Record<string, readonly unknown[]>>;

/** One value per factor. */
export type Row<F extends Factors> = { readonly [Name in keyof F]: F[Name][number] };

/**
 * The rows, the same for the same arguments. Whether a row is allowed must be a matter of pairs: `isAllowed` is asked of rows of which
 * some values are missing, and the first value of each factor must be allowed beside all others that are allowed together.
 *
 * @throws {RangeError} if no value of some factor is allowed beside the others
 */
export function coveringArray<F extends Factors>(
  factors: F,
  isAllowed: (row: Partial<Row<F>>) => boolean,
): Row<F>[] {
  const names = Object.keys(factors);
  const open = new Map<string, Partial<Row<F>>>();
  for (const [a, first] of names.entries()) {
    for (const second of names.slice(a + 1)) {
      for (const i of factors[first].keys()) {
        for (const j of factors[second].keys()) {
          const pair = { [first]: factors[first][i], [second]: factors[second][j] } as Partial<
            Row<F>
          >;
          if (isAllowed(pair)) open.set(keyOf([first, i], [second, j]), pair);
        }
      }
    }
  }
  const rows: Row<F>[] = [];
  while (open.size > 0) {
    const [pair] = open.values();
    const row = completed(pair, { factors, isAllowed, open });
    for (const key of keysOf(row, factors)) open.delete(key);
    rows.push(row);
  }
  return rows;
}

/** The row with a value for each missing factor: the one that meets most pairs that no row has yet. */
function completed<F extends Factors>(
  start: Partial<Row<F>>,
  { factors, isAllowed, open }: {
    readonly factors: F;
    readonly isAllowed: (row: Partial<Row<F>>) => boolean;
    readonly open: ReadonlyMap<string, unknown>;
  },
): Row<F> {
  let row = start;
  for (const name of Object.keys(factors)) {
    if (name in row) continue;
    const candidates = factors[name].map((value) => ({ ...row, [name]: value }))
      .filter(isAllowed)
      .map((each) => ({
        each,
        met: keysOf(each, factors).filter((key) => open.has(key)).length,
      }));
    if (candidates.length === 0) {
      throw new RangeError(`no value of ${name} may stand beside ${JSON.stringify(row)}`);
    }
    row = candidates.reduce((best, other) => other.met > best.met ? other : best).each;
  }
  return row as Row<F>;
}

/** The pairs of a row. */
function keysOf(row: Readonly<Record<string, unknown>>, factors: Factors): string[] {
  const names = Object.keys(factors).filter((name) => name in row);
  const places = names.map((name): Place => [name, factors[name].indexOf(row[name])]);
  return places.flatMap((first, a) => places.slice(a + 1).map((second) => keyOf(first, second)));
}

type Place = readonly [name: string, index: number];

function keyOf(first: Place, second: Place): string {
  return `${first.join("=")} ${second.join("=")}`;
}
