// Records as examples for training, and examples for evaluation: those of other data, or one of ten of the same.

import { isHeldOut, requireHeldOut } from "../data/held_out.ts";
import { type LeftOut, LeftOutCounts } from "../data/left_out.ts";

/** What an example is made of. */
export interface Placed {
  /** Where it is, such as `train.jsonl:17`. */
  readonly place: string;
}

/** What became of a record: an example, one that was cut to the tokens of the model, or none, for a reason. */
export type Taken = "whole" | "cut" | { readonly leftOut: string };

/** Takes the examples for training, or those for evaluation. */
export interface ExampleTaker<Record extends Placed> {
  /** Takes a record. @throws {Error} about it */
  take(record: Record): Taken | Promise<Taken>;
}

/** Numbers of records. */
export interface ExampleCounts {
  /** For training. */
  readonly train: number;
  /** For evaluation. */
  readonly heldOut: number;
  /** How many of both were cut. */
  readonly cut: number;
  /** Records that are no examples. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * Divides records.
 *
 * @param options.evaluation other records to evaluate on; by default one of ten is held out
 * @throws {RangeError} if there are too few
 * @throws {Error} naming the place of a record that is wrong
 */
export async function divideExamples<Record extends Placed>(
  records: AsyncIterable<Record>,
  { train, heldOut, evaluation }: {
    readonly train: ExampleTaker<Record>;
    readonly heldOut: ExampleTaker<Record>;
    readonly evaluation?: AsyncIterable<Record> | undefined;
  },
): Promise<ExampleCounts> {
  const counts = new Counts();
  for await (const record of records) {
    const isForTraining = evaluation !== undefined || !isHeldOut(counts.kept);
    await counts.take(record, isForTraining ? train : heldOut, isForTraining ? "train" : "heldOut");
  }
  if (evaluation === undefined) requireHeldOut(counts.kept);
  for await (const record of evaluation ?? []) await counts.take(record, heldOut, "heldOut");
  const { of, cut, leftOut } = counts;
  for (const [part, flag] of [["train", "data"], ["heldOut", "data for evaluations"]] as const) {
    if (of[part] > 0) continue;
    const reasons = leftOut.all.map(({ reason, count }) => `${count} ${reason}`).join(", ");
    throw new RangeError(`There is no example in the ${flag}${reasons && ` (${reasons})`}`);
  }
  return { ...of, cut, leftOut: leftOut.all };
}

class Counts {
  readonly of = { train: 0, heldOut: 0 };
  cut = 0;
  readonly leftOut = new LeftOutCounts();

  get kept(): number {
    return this.of.train + this.of.heldOut;
  }

  async take<Record extends Placed>(
    record: Record,
    taker: ExampleTaker<Record>,
    part: "train" | "heldOut",
  ): Promise<void> {
    const taken = await taker.take(record);
    if (typeof taken === "object") return this.leftOut.add(record.place, taken.leftOut);
    this.of[part]++;
    if (taken === "cut") this.cut++;
  }
}
