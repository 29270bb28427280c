// Decomposed relative positions of a grid of R x C tokens (Li et al. 2021, "MViTv2", section 4.1): the score of a query at row i and
// column j for a key at row k and column l has the bias
//
//   q . rows[i - k + R - 1] + q . columns[j - l + C - 1]              rows [2 R - 1, F], columns [2 C - 1, F], of all heads
//
// It is a product of R + C features more, so that attention needs no bias: a query's are its products with the rows, and columns, of the
// tables; a key's are 1 at its own row and column and 0 elsewhere.
//
//   scale [q | products / scale] . [k | ones] = scale q . k + bias

import type { ProcessGroup } from "../../distributed/group.ts";
import type { LayerMaker } from "../../nn/layer_maker.ts";
import { copyToGroup } from "../../nn/parallel/group_exchanges.ts";
import { Module } from "../../nn/module.ts";
import { batchedMatmul } from "../../ops/batched_matmul.ts";
import { constantNumbers } from "../../ops/constant.ts";
import { expand } from "../../ops/expand.ts";
import { embeddingAt } from "../../ops/embedding.ts";
import { permute } from "../../ops/permute.ts";
import { reshape } from "../../ops/reshape.ts";
import { scale } from "../../ops/scale.ts";
import { concat } from "../../ops/slice.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/**
 * Options of {@linkcode GridPositions}.
 *
 * @category Models
 */
export interface GridPositionsOptions {
  /** R */
  readonly rows: number;
  /** C */
  readonly columns: number;
  /** F: features of a head. */
  readonly headWidth: number;
  /** Factor of scores. */
  readonly scale: number;
}

/**
 * Appends features to queries and keys whose product is the bias of their relative position.
 *
 * @category Models
 */
export class GridPositions extends Module<Tensor> {
  /** [2 R - 1, F]: for a query 1 - R rows below its key, up to R - 1. */
  readonly rows: Parameter;
  /** [2 C - 1, F]: the same for columns. */
  readonly columns: Parameter;
  /** The ranks that have other heads, if heads are split: gradients of the tables are summed over them. */
  sharedBy: ProcessGroup | undefined;
  readonly #options: GridPositionsOptions;

  /** Tables with a row for every offset. */
  constructor(make: LayerMaker, options: GridPositionsOptions) {
    super();
    const { rows, columns, headWidth } = options;
    const table = (name: string, length: number) =>
      make.parameter(name, { shape: [2 * length - 1, headWidth], initial: { every: 0 } });
    this.rows = table("rows", rows);
    this.columns = table("columns", columns);
    this.#options = options;
  }

  /** Queries [B, R C, H, F] -> [B, R C, H, F + R + C] */
  override forward(q: Tensor): Promise<Tensor> {
    return Promise.try(() => {
      const { rows, columns, scale: factor } = this.#options;
      const [batch, , heads, width] = q.shape;
      // [R, B, C H, F]: a product for each row of queries, with the offsets of that row.
      const byRow = permute(reshape(q, [batch, rows, columns * heads, width]), [1, 0, 2, 3]);
      const down = permute(
        this.#products(byRow, this.rows, rows), // [R, B, C H, R]
        [1, 0, 2, 3],
      );
      const byColumn = permute(reshape(q, [batch * rows, columns, heads, width]), [1, 0, 2, 3]);
      const across = permute(
        this.#products(byColumn, this.columns, columns), // [C, B R, H, C]
        [1, 0, 2, 3],
      );
      const ofHeads = (x: Tensor) =>
        scale(reshape(x, [batch, rows * columns, heads, x.shape[3]]), 1 / factor);
      return concat([q, ofHeads(down), ofHeads(across)], { dim: 3 });
    });
  }

  /** Keys [B, R C, K, F] -> [B, R C, K, F + R + C] */
  withPlaces(keys: Tensor): Tensor {
    const { rows, columns } = this.#options;
    const [batch, length, heads] = keys.shape;
    const width = rows + columns;
    const ones = new Float32Array(length * width);
    for (let place = 0; place < length; place++) {
      ones[place * width + Math.floor(place / columns)] = 1;
      ones[place * width + rows + place % columns] = 1;
    }
    const places = constantNumbers(keys.device, ones, [1, length, 1, width]);
    return concat([keys, expand(places, [batch, length, heads, width])], { dim: 3 });
  }

  /** q [n, ..., F] -> q[i] . table[i - k + n - 1] for k < n: [n, ..., n] */
  #products(q: Tensor, parameter: Parameter, count: number): Tensor {
    const offsets = new Uint32Array(count * count);
    for (const at of offsets.keys()) {
      offsets[at] = Math.floor(at / count) - at % count + count - 1;
    }
    const group = this.sharedBy;
    const table: FloatTensor = group === undefined
      ? parameter
      : copyToGroup(parameter, { group, label: parameter.name });
    const rows = embeddingAt(table, offsets, { shape: [count, count] });
    const [, one, two, width] = q.shape;
    const queries = reshape(q, [count, one * two, width]);
    const products = batchedMatmul(queries, rows, { b: "transposed" });
    return reshape(products, [count, one, two, count]);
  }
}
