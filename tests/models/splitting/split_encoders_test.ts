// Encoders, and an encoder with a decoder, on meshes of ranks against transformers.

import { encoderRuns } from "../../support/models/golden_runs.ts";
import {
  testSplitGolden,
  testSplitGradientsOnWebGpu,
  testSplitTrainingOnWebGpu,
} from "../../support/models/split_golden_model.ts";

for (const family of Object.keys(encoderRuns)) {
  testSplitGolden(family);
  testSplitGradientsOnWebGpu(family);
}
testSplitTrainingOnWebGpu("bert");
