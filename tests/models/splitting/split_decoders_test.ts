// Decoders on meshes of ranks against transformers.

import { decoderRuns } from "../../support/models/golden_runs.ts";
import {
  testSplitGolden,
  testSplitGradientsOnWebGpu,
  testSplitTrainingOnWebGpu,
} from "../../support/models/split_golden_model.ts";

for (const family of Object.keys(decoderRuns)) testSplitGolden(family);
for (const family of ["gpt2", "llama"]) {
  testSplitGradientsOnWebGpu(family);
  testSplitTrainingOnWebGpu(family);
}
