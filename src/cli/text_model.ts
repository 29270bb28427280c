// Which class of models a folder has, of those that write texts from texts.

import { readConfig } from "../checkpoint/pretrained.ts";
import { architectureOf } from "../models/architectures.ts";
import { Decoder } from "../models/decoder.ts";
import { T5 } from "../models/t5.ts";
import { exampleFor } from "./task_choice.ts";

/** The class of the model in a folder. @throws {TypeError} if it is another than a decoder or a T5, saying what runs it */
export async function textModelOf(
  folder: string,
): Promise<abstract new (...args: never[]) => Decoder | T5> {
  const config = await readConfig(folder);
  const { makes } = architectureOf(config, { anyHead: true });
  if (makes === Decoder) return Decoder;
  if (makes === T5) return T5;
  throw config.error(
    `its model is a ${makes.name}, which does not continue texts: give a decoder or a T5, or use ${
      exampleFor(config) ?? "classify"
    }`,
  );
}
