import type { KernelParams } from "../../../src/device/kernels/registry.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { matmulNn, matmulNt, matmulTn } from "../../reference/matmul.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { checkKernel, type KernelCase } from "../../support/device/checked_kernel.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

// [m, n, k]: odd, empty, and across every block of the kernels (4 x 8 tiles, 128 rows, 256 deep, 512 columns).
const SIZES: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [0, 3, 2],
  [3, 0, 2],
  [3, 2, 0],
  [1, 65, 63],
  [65, 1, 64],
  [2, 3, 257],
  [7, 9, 5],
  [63, 64, 65],
  [64, 64, 64],
  [64, 128, 32],
  [131, 17, 31],
  [5, 521, 13],
  [400, 515, 259],
];

/** Matrices begin where their memory does. */
const NO_OFFSETS = { aFrom: 0, bFrom: 0, outFrom: 0 };

const tolerance = { ofLargest: 2e-6 };

checkKernel("matmul_nn", { reference: matmulNn, tolerance, cases });
checkKernel("matmul_nt", { reference: matmulNt, tolerance, cases });
checkKernel("matmul_tn", { reference: matmulTn, tolerance, cases });

testOnEachDevice(
  "a few rows of a product have the bits that they have among many",
  async (device) => {
    const random = new RandomValues(3);
    const [m, n, k] = [9, 531, 523];
    const whole = {
      ...NO_OFFSETS,
      batch: 1,
      m,
      n,
      k,
      rowBegin: 0,
      rowEnd: m,
      biasLength: n,
      accumulate: 0,
    };
    for (const kernel of ["matmul_nn", "matmul_nt"] as const) {
      using a = Tensor.from(device, random.signed(m * k));
      using b = Tensor.from(device, random.signed(k * n));
      using bias = Tensor.from(device, random.signed(n));
      const product = async (rowBegin: number, rowEnd: number) => {
        using out = Tensor.from(device, new Float32Array(m * n));
        const operands = { a: a.buffer, b: b.buffer, bias: bias.buffer, out: out.buffer };
        device.run(kernel, operands, { ...whole, rowBegin, rowEnd });
        return (await out.data()).slice(rowBegin * n, rowEnd * n);
      };
      const all = await product(0, m);
      for (const count of [1, 2, 3, 4, 5]) {
        assertSameBits(await product(2, 2 + count), all.slice(2 * n, (2 + count) * n));
      }
    }
  },
);

function cases(random: RandomValues): KernelCase<"matmul_nn">[] {
  return SIZES.flatMap(([m, n, k]) => {
    const whole = {
      ...NO_OFFSETS,
      batch: 1,
      m,
      n,
      k,
      rowBegin: 0,
      rowEnd: m,
      biasLength: 0,
      accumulate: 0,
    };
    const part = { rowBegin: Math.floor(m / 3), rowEnd: Math.ceil(5 * m / 6) };
    const everything = { ...whole, ...part, biasLength: n, accumulate: 1 };
    const variants = m * n * k > 1e6 ? [everything] : [
      whole,
      { ...whole, biasLength: n },
      { ...whole, ...part, accumulate: 1 },
      everything,
      { ...everything, batch: 3 },
      { ...everything, batch: 2, aFrom: 3, bFrom: 1, outFrom: 70 },
      { ...whole, batch: 0 },
    ];
    return variants.map((params: KernelParams<"matmul_nn">) => ({
      operands: {
        a: random.signed(params.aFrom + params.batch * m * k),
        b: random.signed(params.bFrom + params.batch * k * n),
        bias: random.signed(params.biasLength),
        out: random.signed(params.outFrom + params.batch * m * n, 5),
      },
      params,
    }));
  });
}
