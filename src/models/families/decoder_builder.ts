// What every family of decoders makes of its config: a `Decoder` with its description and names.

import type { DecoderDescription } from "../decoder_description.ts";
import { Decoder } from "../decoder.ts";
import type { CheckpointForm, ModelBuilder } from "../pretrained_model.ts";

/** Makes decoders of one description. */
export function decoderBuilder(
  description: DecoderDescription,
  form: CheckpointForm,
): ModelBuilder {
  const { tokens, width } = description;
  return {
    names: form.names,
    embeddingWidth: tokens.width === width ? width : undefined,
    build: (source) => new Decoder(description, { source, form }),
  };
}
