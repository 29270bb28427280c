// The files beside a model that belong to it: its tokenizer, chat template, defaults of generation, preprocessing of images, license.
// They are saved with a model as they were beside the one that it was made from.

import { disk } from "./disk.ts";

/**
 * A file beside a model, in memory.
 *
 * @category Checkpoints
 */
export interface CompanionFile {
  /** Its name in the model's folder. */
  readonly name: string;
  /** Its contents. */
  readonly bytes: Uint8Array;
}

/** Reads the companions in a folder, those of the tokenizer or of everything else. */
export async function readCompanions(
  folder: string,
  kinds: readonly CompanionKind[] = ["tokenizer", "other"],
): Promise<CompanionFile[]> {
  const files: CompanionFile[] = [];
  for (const name of kinds.flatMap((kind) => COMPANIONS[kind])) {
    const path = `${folder}/${name}`;
    if (!await disk.has(path)) continue;
    using file = await disk.open(path);
    files.push({ name, bytes: await file.read(0, file.size) });
  }
  return files;
}

/** Whether a file of that name belongs to a model. */
export function isCompanion(name: string): boolean {
  return Object.values(COMPANIONS).some((names: readonly string[]) => names.includes(name));
}

/** Which companions. */
export type CompanionKind = keyof typeof COMPANIONS;

/** Names that transformers and its models use. */
const COMPANIONS = {
  tokenizer: [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "normalizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "chat_template.jinja",
    "chat_template.json",
  ],
  other: [
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "image_processor_config.json",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "LICENCE",
    "NOTICE",
    "NOTICE.txt",
    "USE_POLICY.md",
  ],
} as const;
