// The fields of a block's record (device/block_table.ts) that follow from its view.

import type { BlockRecord } from "../../device/block_table.ts";
import type { DeviceKind } from "../../device/device.ts";
import { tileShape } from "../../device/kernels/tile_shape.ts";
import { type BlockParts, partsOf } from "../factoring/block_parts.ts";
import type { DimView, FactoredView } from "../factoring/factored_view.ts";
import type { DimRole } from "../factoring/dim_roles.ts";

/** The fields of a record that describe the block alone. */
export type BlockGeometry = Pick<
  BlockRecord,
  | "batch"
  | "rows"
  | "cols"
  | "globalRows"
  | "globalCols"
  | "globalCount"
  | "tileRows"
  | "tileCols"
  | "indexRows"
  | "indexCols"
  | keyof BlockParts
  | keyof BlockPlace
>;

/** The place of the block's elements in the whole parameter, per axis. */
type BlockPlace = Pick<
  BlockRecord,
  | "batchBegin"
  | "batchInner"
  | "batchInnerGlobal"
  | "rowBegin"
  | "rowInner"
  | "rowInnerGlobal"
  | "colBegin"
  | "colInner"
  | "colInnerGlobal"
>;

/** Shape, parts, tiles, and the place of elements in the whole parameter; `even` where a tensor has 16-bit elements. */
export function geometryOf(
  view: FactoredView<{ size: number }>,
  { kind, even }: { readonly kind: DeviceKind; readonly even: boolean },
): BlockGeometry {
  const { batch, rows, cols, globalRows, globalCols, globalCount } = view;
  const parts = partsOf(view, { even });
  const part = { rows: rows / parts.partsDown, cols: cols / parts.partsAcross };
  const { tileRows, tileCols } = tileShape(kind, part);
  return {
    batch,
    rows,
    cols,
    // Of a parameter without elements, sums of 0 are divided by 1.
    globalRows: Math.max(1, globalRows),
    globalCols: Math.max(1, globalCols),
    globalCount: Math.max(1, globalCount),
    ...parts,
    tileRows,
    tileCols: even ? tileCols + tileCols % 2 : tileCols,
    ...placeOf(view),
    indexRows: globalRows,
    indexCols: globalCols,
  };
}

function placeOf({ dims }: FactoredView<unknown>): BlockPlace {
  const batch = axisPlace(dims, "batch");
  const row = axisPlace(dims, "row");
  const col = axisPlace(dims, "col");
  return {
    batchBegin: batch.begin,
    batchInner: batch.inner,
    batchInnerGlobal: batch.innerGlobal,
    rowBegin: row.begin,
    rowInner: row.inner,
    rowInnerGlobal: row.innerGlobal,
    colBegin: col.begin,
    colInner: col.inner,
    colInnerGlobal: col.innerGlobal,
  };
}

/**
 * From an index of the block's axis to that of the whole axis, where at most two of the axis's dims are cut, one of them the
 * outermost: (i / inner) innerGlobal + begin + i % inner.
 */
function axisPlace(dims: readonly DimView<unknown>[], role: DimRole) {
  const axis = dims.filter((dim) => dim.role === role);
  const within = (dim: number) =>
    axis.slice(dim + 1).reduce((product, { length }) => product * length, 1);
  const cut = axis.findLastIndex(({ groups }) => groups.length > 0);
  const stride = within(cut);
  if (cut < 0) return { begin: 0, inner: Math.max(1, stride), innerGlobal: Math.max(1, stride) };
  const { length, range: { begin, end } } = axis[cut];
  return {
    begin: axis.reduce((sum, { range }, dim) => sum + range.begin * within(dim), 0),
    inner: Math.max(1, (end - begin) * stride),
    innerGlobal: length * stride,
  };
}
