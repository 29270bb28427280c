// A parameter in one block, and the same cut into 2, 4 and 8 along its rows or columns: what the blocks sum, added pairwise in
// their order, and the parameters that they step to must have the same bits. The blocks' tensors begin elsewhere than the
// whole one's.

import { blockFields, type BlockRecord, encodeRecords } from "../../../src/device/block_table.ts";
import type { Device, DeviceBuffer } from "../../../src/device/device.ts";
import { storageTypes } from "../../../src/device/storage_types.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { blockTable, stepWords, tileRun, vectorRun } from "../../support/device/block_records.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

// Parts of 72 x 128: in each a tile that a GPU's workgroup fills, and one of 8 rows.
const ROWS = 576;
const COLS = 1024;
const TILE = { tileRows: 64, tileCols: 128 };

for (const type of ["f32", "bf16", "f16"] as const) {
  testOnEachDevice(
    `blocks of ${type} that parts make up give the bits of the whole`,
    async (device) => {
      const random = new RandomValues(7);
      const whole = wholeParameter(random, storageTypes[type]);
      const all = { begin: [0, 0], end: [ROWS, COLS] } as const;
      const want = await runBlock(device, whole, { ...all, rowSlots: 1, firstElement: 0 });
      for (const count of [2, 4, 8]) {
        const byRows = await Promise.all(
          Array.from({ length: count }, (_, k) =>
            runBlock(device, whole, {
              begin: [k * ROWS / count, 0],
              end: [(k + 1) * ROWS / count, COLS],
              rowSlots: 1,
              firstElement: 2 * (k % 4),
            })),
        );
        assertSameBits(byRows.flatMap(({ rowSums }) => [...rowSums]), want.rowSums);
        assertSameBits(
          treeOf(byRows.map(({ colSums }) => colSums)),
          want.colSums,
        );
        for (
          const name of ["totals", "gradientSquares", "updateSquares", "paramSquares"] as const
        ) {
          assertSameBits(treeOf(byRows.map((block) => block[name])), want[name], name);
        }
        assertSameBits(byRows.flatMap(({ param }) => [...param]), want.param);

        const byCols = await Promise.all(
          Array.from({ length: count }, (_, k) =>
            runBlock(device, whole, {
              begin: [0, k * COLS / count],
              end: [ROWS, (k + 1) * COLS / count],
              rowSlots: 8,
              firstElement: 2 * (k % 4),
            })),
        );
        assertSameBits(treeOf(byCols.map(({ rowSums }) => rowSums)), want.rowSums);
        assertSameBits(byCols.flatMap(({ colSums }) => [...colSums]), want.colSums);
        for (
          const name of ["totals", "gradientSquares", "updateSquares", "paramSquares"] as const
        ) {
          const slots = treeOf(byCols.map((block) => block[name]));
          const sum = treeOf(Array.from(slots, (slot) => Float32Array.of(slot)));
          assertSameBits(sum, want[name], name);
        }
        const width = COLS / count;
        const rows = Array.from(
          { length: ROWS },
          (_, i) => byCols.flatMap(({ param }) => [...param.subarray(i * width, (i + 1) * width)]),
        );
        assertSameBits(rows.flat(), want.param);
      }
    },
  );
}

/** Values of the whole parameter; elements as bits. */
interface Whole {
  readonly type: number;
  readonly grad: Uint16Array | Uint32Array;
  readonly param: Uint16Array | Uint32Array;
  readonly rowFactors: Float32Array;
  readonly colFactors: Float32Array;
}

function wholeParameter(random: RandomValues, type: number): Whole {
  const elements = () => {
    const { buffer } = random.stored(ROWS * COLS, type);
    return type === storageTypes.f32 ? new Uint32Array(buffer) : new Uint16Array(buffer);
  };
  return {
    type,
    grad: elements(),
    param: elements(),
    rowFactors: random.positive(ROWS),
    colFactors: random.positive(COLS),
  };
}

/** Which rows and columns, and in what memory order. */
interface Cut {
  readonly begin: readonly [row: number, col: number];
  readonly end: readonly [row: number, col: number];
  readonly rowSlots: number;
  /** Of its tensors in their buffers. */
  readonly firstElement: number;
}

async function runBlock(device: Device, whole: Whole, cut: Cut) {
  const { begin: [rowBegin, colBegin], end: [rowEnd, colEnd], rowSlots, firstElement } = cut;
  const [rows, cols] = [rowEnd - rowBegin, colEnd - colBegin];
  const [partsDown, partsAcross] = [8 * rows / ROWS, 8 * cols / COLS];
  const table = blockTable([{
    batch: 1,
    rows,
    cols,
    partsDown,
    partsAcross,
    rowSlots,
    ...TILE,
    rowBegin,
    rowInner: rows,
    rowInnerGlobal: ROWS,
    indexRows: ROWS,
    colBegin,
    colInner: cols,
    colInnerGlobal: COLS,
    indexCols: COLS,
  }]);
  const record: BlockRecord = {
    ...table.records[0]!,
    gradOffset: firstElement,
    paramOffset: firstElement,
  };
  const { type } = whole;
  const length = firstElement + rows * cols;

  using scope = new DisposableStack();
  const upload = (data: Float32Array | Uint32Array | Uint8Array): DeviceBuffer => {
    const buffer = scope.use(device.allocate(data.byteLength));
    device.write(buffer, data);
    return buffer;
  };
  const grad = upload(elementsOf(whole.grad, cut));
  const param = upload(elementsOf(whole.param, cut));
  const blocks = upload(encodeRecords(blockFields, [record]));
  const factorValues = new Float32Array(table.lengths.factors);
  factorValues.set(whole.rowFactors.subarray(rowBegin, rowEnd), record.factors);
  factorValues.set(whole.colFactors.subarray(colBegin, colEnd), record.factors + rows);
  factorValues[record.factors + rows + cols] = 1.5;
  const factors = upload(factorValues);
  const steps = upload(stepWords([STEP]));
  const guard = upload(Uint32Array.of(0));
  const partials = upload(new Float32Array(table.lengths.partials));
  const sums = upload(new Float32Array(table.lengths.sums));

  const tiles = tileRun(table);
  const lengths = { partialsLength: table.lengths.partials, sumsLength: table.lengths.sums };
  const gradParams = { gradType: type, gradLength: length };
  const factorsLength = table.lengths.factors;
  const joinScalar = (scalar: number) =>
    device.run("adafactor_join_scalar", { blocks, partials, sums }, {
      firstBlock: 0,
      numBlocks: 1,
      scalar,
      ...lengths,
    });
  device.run("adafactor_tile_sums", { grad, blocks, partials }, { ...tiles, ...gradParams });
  device.run("adafactor_join_sums", { blocks, partials, sums }, {
    ...vectorRun(table),
    ...lengths,
  });
  joinScalar(0);
  device.run("adafactor_tile_updates", { grad, blocks, factors, partials }, {
    ...tiles,
    ...gradParams,
    factorsLength,
  });
  joinScalar(1);
  device.run("adafactor_step", { grad, blocks, factors, steps, guard, param, partials }, {
    ...tiles,
    ...gradParams,
    paramType: type,
    paramLength: length,
    factorsLength,
    stochastic: type === storageTypes.f32 ? 0 : 1,
  });
  joinScalar(2);

  const found = new Float32Array((await device.read(sums)).buffer);
  const { buffer } = await device.read(param);
  const elements = type === storageTypes.f32 ? new Uint32Array(buffer) : new Uint16Array(buffer);
  const slotsOf = (first: number) => found.subarray(first, first + rowSlots);
  return {
    rowSums: found.subarray(record.rowSums, record.rowSums + rows),
    colSums: found.subarray(record.colSums, record.colSums + cols),
    totals: slotsOf(record.totals),
    gradientSquares: slotsOf(record.gradientSquares),
    updateSquares: slotsOf(record.updateSquares),
    paramSquares: slotsOf(record.paramSquares),
    param: elements.subarray(firstElement, length),
  };
}

/** The cut's elements behind `firstElement` zeros, as bytes of whole words. */
function elementsOf(
  whole: Uint16Array | Uint32Array,
  { begin: [rowBegin, colBegin], end: [rowEnd, colEnd], firstElement }: Cut,
): Uint8Array {
  const [rows, cols] = [rowEnd - rowBegin, colEnd - colBegin];
  const elements = new (whole instanceof Uint16Array ? Uint16Array : Uint32Array)(
    firstElement + rows * cols,
  );
  for (let i = 0; i < rows; i++) {
    const from = (rowBegin + i) * COLS + colBegin;
    elements.set(whole.subarray(from, from + cols), firstElement + i * cols);
  }
  return new Uint8Array(elements.buffer);
}

/** ((0 + 1) + (2 + 3)) + ... of each element, in f32. */
function treeOf(terms: readonly Float32Array[]): Float32Array {
  if (terms.length === 1) return terms[0]!;
  const pairs = Array.from(
    { length: terms.length / 2 },
    (_, k) => terms[2 * k]!.map((value, i) => value + terms[2 * k + 1]![i]!),
  );
  return treeOf(pairs);
}

const STEP = {
  a: 0.01,
  d: 1.25,
  decay: 0.001,
  take: 0.1,
  over: 1,
  share: 1,
  paramRms: 1,
  updateRms: 1,
  key: 12345,
};
