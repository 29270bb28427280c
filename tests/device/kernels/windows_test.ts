import assert from "node:assert/strict";
import type { KernelParams } from "../../../src/device/kernels/registry.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { fold, unfold } from "../../reference/windows.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";

type Windows = KernelParams<"unfold">;

const ONE: Windows = {
  firstImage: 0,
  images: 1,
  channels: 1,
  height: 1,
  width: 1,
  kernelHeight: 1,
  kernelWidth: 1,
  outHeight: 1,
  outWidth: 1,
  strideHeight: 1,
  strideWidth: 1,
  paddingHeight: 0,
  paddingWidth: 0,
  dilationHeight: 1,
  dilationWidth: 1,
};

/** Odd sizes, and images between others; every option apart from the others, and all together. */
const CASES: readonly Windows[] = [
  ONE,
  { ...ONE, images: 0 },
  { ...ONE, images: 3, channels: 5, height: 7, width: 13, outHeight: 7, outWidth: 13 },
  {
    ...ONE,
    channels: 3,
    height: 9,
    width: 65,
    kernelHeight: 3,
    kernelWidth: 2,
    outHeight: 7,
    outWidth: 64,
  },
  {
    ...ONE,
    images: 2,
    channels: 2,
    height: 5,
    width: 6,
    kernelHeight: 3,
    kernelWidth: 3,
    outHeight: 5,
    outWidth: 6,
    paddingHeight: 1,
    paddingWidth: 1,
  },
  { ...ONE, width: 31, kernelWidth: 4, outWidth: 10, strideWidth: 3, paddingWidth: 1 },
  // More padding than kernel: the first places see nothing of the image.
  { ...ONE, height: 2, kernelHeight: 2, outHeight: 9, paddingHeight: 4, width: 3, outWidth: 3 },
  // Places that end before the image does.
  { ...ONE, height: 8, width: 8, outHeight: 2, outWidth: 3, strideHeight: 3, strideWidth: 2 },
  {
    firstImage: 2,
    images: 3,
    channels: 3,
    height: 11,
    width: 10,
    kernelHeight: 3,
    kernelWidth: 2,
    outHeight: 5,
    outWidth: 3,
    strideHeight: 2,
    strideWidth: 3,
    paddingHeight: 2,
    paddingWidth: 1,
    dilationHeight: 3,
    dilationWidth: 4,
  },
];

checkKernel("unfold", {
  reference: unfold,
  tolerance: {},
  cases: (random) =>
    CASES.map((params) => ({
      operands: {
        x: random.signed(imageLength(params)),
        columns: random.signed(columnLength(params) + 3),
      },
      params,
    })),
});

checkKernel("fold", {
  reference: fold,
  tolerance: { ofLargest: 1e-6 },
  cases: (random) =>
    CASES.flatMap((params) =>
      [0, params.channels].map((biasLength) => ({
        operands: {
          columns: random.signed(columnLength(params)),
          bias: random.signed(biasLength + 1),
          out: random.signed(imageLength(params) + 3),
        },
        params: { ...params, biasLength },
      }))
    ),
});

Deno.test("unfold and fold refuse a stride of 0 and a bias of another length", () => {
  using device = wasmDevice();
  using x = device.allocate(4);
  using y = device.allocate(4);
  const strideless = { ...ONE, strideWidth: 0 };
  assert.throws(
    () => device.run("unfold", { x, columns: y }, strideless),
    /strides must be from 1, got 1 and 0/,
  );
  const fold = (params: KernelParams<"fold">) =>
    device.run("fold", { columns: x, bias: device.empty, out: y }, params);
  assert.throws(() => fold({ ...strideless, biasLength: 0 }), /strides must be from 1/);
  assert.throws(() => fold({ ...ONE, biasLength: 2 }), /biasLength must be 0 or channels = 1/);
});

function imageLength({ firstImage, images, channels, height, width }: Windows): number {
  return (firstImage + images) * channels * height * width;
}

function columnLength(params: Windows): number {
  const { images, channels, kernelHeight, kernelWidth, outHeight, outWidth } = params;
  return channels * kernelHeight * kernelWidth * images * outHeight * outWidth;
}
