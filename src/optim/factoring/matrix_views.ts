// A parameter as single matrices, each a block of its own: with an RMS, a clip factor and a scale of its own (`perMatrix`).
//
//   view [batch, rows, cols]  ->  one view [1, rows, cols] per matrix of the WHOLE parameter, [0, rows, cols] where another
//                                 rank owns it
//
// Every rank has the same number of views, so that all reserve the same sums; a matrix that a rank does not own adds 0.

import type { DimView, FactoredView } from "./factored_view.ts";

/** One matrix of a parameter. */
export interface MatrixView<Group> {
  readonly view: FactoredView<Group>;
  /** Its index in the whole parameter. */
  readonly global: number;
  /** Its index among this rank's matrices; 0 if another rank owns it. */
  readonly local: number;
}

/** Every matrix of the whole parameter. */
export function matrixViews<Group>(view: FactoredView<Group>): MatrixView<Group>[] {
  const batchDims = view.dims.filter(({ role }) => role === "batch");
  const others = view.dims.filter(({ role }) => role !== "batch");
  const numMatrices = batchDims.reduce((product, { length }) => product * length, 1);
  const localOf = new Map(ownMatrices(batchDims).map((global, local) => [global, local]));
  return Array.from({ length: numMatrices }, (_, global) => {
    const local = localOf.get(global);
    const range = { begin: 0, end: local === undefined ? 0 : 1 };
    const batch: DimView<Group> = {
      role: "batch",
      length: 1,
      storedLength: 1,
      unit: 1,
      range,
      groups: [],
    };
    return {
      global,
      local: local ?? 0,
      view: {
        ...view,
        batch: range.end,
        globalCount: view.globalRows * view.globalCols,
        dims: [batch, ...others],
      },
    };
  });
}

/** The indices, in the whole parameter, of this rank's matrices. */
function ownMatrices(dims: readonly DimView<unknown>[]): number[] {
  return dims.reduce<number[]>(
    (numbers, { length, range: { begin, end } }) =>
      numbers.flatMap((number) =>
        Array.from({ length: end - begin }, (_, i) => number * length + begin + i)
      ),
    [0],
  );
}
