// Decoders against transformers.

import { testGoldenModel } from "../support/models/golden_model.ts";
import { decoderRuns } from "../support/models/golden_runs.ts";

for (const [family, run] of Object.entries(decoderRuns)) testGoldenModel(family, run);
