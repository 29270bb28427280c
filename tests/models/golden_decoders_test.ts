// Decoders against transformers.

import { decoderRun } from "./decoder_runs.ts";
import { testGoldenModel } from "./golden_model.ts";

for (const family of ["gpt2", "llama", "mistral", "qwen2", "qwen3", "opt"]) {
  testGoldenModel(family, decoderRun);
}
