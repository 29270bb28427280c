import { permute } from "../../reference/permute.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";

checkKernel("permute", {
  reference: permute,
  tolerance: {},
  cases: (random) =>
    [[2, 3, 4, 5], [1, 1, 1, 1], [7, 1, 33, 2], [3, 0, 2, 2], [1, 5, 1, 257]].flatMap((shape) =>
      [[0, 1, 2, 3], [0, 2, 1, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]].map((order) => {
        const strides = shape.map((_, dim) => shape.slice(dim + 1).reduce((a, b) => a * b, 1));
        const [dim0, dim1, dim2, dim3] = order.map((dim) => shape[dim]);
        const [stride0, stride1, stride2, stride3] = order.map((dim) => strides[dim]);
        const length = shape.reduce((a, b) => a * b, 1);
        return {
          operands: { x: random.signed(length), out: random.signed(length + 3) },
          params: { dim0, dim1, dim2, dim3, stride0, stride1, stride2, stride3 },
        };
      })
    ),
});
