// Where a ByteModel's layers lie on a tensor-parallel group: `up` split by output features, `down` by input features, so
// that the hidden features never leave their rank and one all-reduce serves both; `output` split by output features and
// gathered. The embedding is small and stays whole.

import type { ProcessGroup } from "../dist/group.ts";
import { Linear } from "../nn/linear.ts";
import { Linear1DCol } from "../nn/linear_1d_col.ts";
import { Linear1DRow } from "../nn/linear_1d_row.ts";
import type { ByteModel } from "./byte_model.ts";

/** Splits a whole model's layers over `processGroup`; every rank must have made the same model. */
export function parallelizeByteModel(model: ByteModel, processGroup: ProcessGroup): void {
  if (processGroup.size === 1) return;
  model.up = Linear1DCol.fromNativeModule(native(model.up), { processGroup, gatherOutput: false });
  model.down = Linear1DRow.fromNativeModule(native(model.down), {
    processGroup,
    parallelInput: true,
  });
  model.output = Linear1DCol.fromNativeModule(native(model.output), {
    processGroup,
    gatherOutput: true,
  });
}

function native(layer: unknown): Linear {
  if (layer instanceof Linear) return layer;
  throw new TypeError("Cannot split a model that is already split: split it once");
}
