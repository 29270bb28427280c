/**
 * Data for training loops of one's own: batches of examples, and metrics of predictions.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ConfusionMatrix, DataLoader } from "@meshfactor/adafactor/data";
 *
 * const examples = Array.from({ length: 8 }, (_, i) => ({ value: i, label: i < 4 ? 0 : 1 }));
 * const confusion = new ConfusionMatrix(2);
 * for await (const batch of new DataLoader(examples, { batchSize: 3 })) {
 *   confusion.add(batch.map(({ value }) => value > 2 ? 1 : 0), batch.map(({ label }) => label));
 * }
 * assert.equal(confusion.accuracy(), 7 / 8);
 * ```
 *
 * @module
 */

export {
  type BatchPlace,
  DataLoader,
  type DataLoaderOptions,
  type PassOptions,
} from "./data/data_loader.ts";
export type { Dataset, ExampleSource } from "./data/loader_source.ts";
export { ConfusionMatrix, type F1Options } from "./confusion_matrix.ts";

// Types of other entry points that those above refer to.
export type { ShardingGroup } from "../distributed/mod.ts";
