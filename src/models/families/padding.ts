// The setting of all configs that names the padding token.

import type { ModelConfig } from "../config/model_config.ts";

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
