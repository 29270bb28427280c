// Decoders against transformers.

import { testGoldenModel } from "./golden_model.ts";
import { decoderRuns } from "./golden_runs.ts";

for (const [family, run] of Object.entries(decoderRuns)) testGoldenModel(family, run);
