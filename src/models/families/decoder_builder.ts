// What every family of decoders makes of its config: a `Decoder` with its description and names.

import { MAX_HEAD_WIDTH } from "../../ops/attention.ts";
import { tooWide } from "../positions/rotary_frequencies.ts";
import type { DecoderDescription } from "../decoder_description.ts";
import { Decoder } from "../decoder.ts";
import type { CheckpointForm, ModelBuilder } from "../pretrained_model.ts";

/** Makes decoders of one description. @throws {TypeError} if heads are wider than attention computes */
export function decoderBuilder(
  description: DecoderDescription,
  form: CheckpointForm,
): ModelBuilder {
  const { tokens, width, block } = description;
  const { attention } = block(0);
  const headWidth = attention.projections === "latent"
    ? Math.max(attention.plainWidth + attention.rotatedWidth, attention.valueWidth)
    : attention.headWidth;
  if (headWidth > MAX_HEAD_WIDTH) throw tooWide(form.config, headWidth);
  return {
    names: form.names,
    embeddingWidth: tokens.width === width ? width : undefined,
    build: (source) => new Decoder(description, { source, form }),
  };
}
