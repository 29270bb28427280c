// Encoders, and an encoder with a decoder, against transformers.

import { testGoldenModel } from "../support/models/golden_model.ts";
import { encoderRuns } from "../support/models/golden_runs.ts";

for (const [family, run] of Object.entries(encoderRuns)) testGoldenModel(family, run);
