// Settings that name the padding token, and the token that begins the texts of a decoder with an encoder.

import type { ModelConfig } from "../config/model_config.ts";
import type { ShiftTokens } from "../shift_right.ts";

/** The padding token, whose embedding gets no gradient; a negative one counts from the end of the vocabulary. */
export function readPadding(
  config: ModelConfig,
  { pad_token_id: token, vocabulary }: {
    readonly pad_token_id: number | null;
    readonly vocabulary: number;
  },
): number | undefined {
  if (token === null) return undefined;
  if (token < -vocabulary || token >= vocabulary) {
    throw config.error(`pad_token_id must be within the vocabulary of ${vocabulary}, got ${token}`);
  }
  return token < 0 ? vocabulary + token : token;
}

/** The padding token, and with it the tokens for shifting labels; undefined if the config does not name them. */
export function readShift(
  config: ModelConfig,
  { decoder_start_token_id: start, ...given }: {
    readonly decoder_start_token_id: number | null;
    readonly pad_token_id: number | null;
    readonly vocabulary: number;
  },
): { readonly padding: number | undefined; readonly tokens: ShiftTokens | undefined } {
  const padding = readPadding(config, given);
  if (start === null || padding === undefined) return { padding, tokens: undefined };
  if (start < 0 || start >= given.vocabulary) {
    throw config.error(
      `decoder_start_token_id must be within the vocabulary of ${given.vocabulary}, got ${start}`,
    );
  }
  return { padding, tokens: { start, padding } };
}
