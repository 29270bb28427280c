// Where classes go: to stdout as JSON lines, or as a table if that is a terminal.
//
//   {"text": "A good film.", "label": "positive", "probabilities": {"positive": 0.98, "negative": 0.02}}
//   {"text": "Warm and dry.", "labels": ["warm", "dry"], "probabilities": {...}}          sets of labels
//   {"text": "So so.", "value": 2.7}                                                      numbers
//   {"words": ["Anna", "lives"], "labels": ["B-PER", "O"], "probabilities": [0.99, 0.97]}

import type { ProblemType } from "../models/losses/classification_loss.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { probabilitiesOf } from "../train/tasks/probabilities.ts";
import { print } from "./printed.ts";
import { type ImageInput, nameOf, type TextInput, type WordsInput } from "./classifier_input.ts";

/** Writes classes. */
export class ClassOutput {
  readonly #names: Readonly<Record<string, unknown>>;
  readonly #problem: ProblemType | undefined;
  readonly #isTable = Deno.stdout.isTerminal();
  #isClosed = false;

  /** For a model with these kinds of labels; by default single ones. */
  constructor({ form }: PretrainedModel, problem: ProblemType | undefined) {
    this.#names = (form.config.values.id2label ?? {}) as Record<string, unknown>;
    this.#problem = problem;
  }

  /** Whether nobody reads it any more, as after `| head`. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Writes what a text or an image is. */
  async write(input: TextInput | ImageInput, logits: Float32Array): Promise<void> {
    const problem = this.#problem ??
      (logits.length === 1 ? "regression" : "single_label_classification");
    const values = probabilitiesOf(logits, problem);
    const order = [...values.keys()].toSorted((a, b) => values[b] - values[a]);
    if (problem === "regression") {
      const value = values.length === 1 ? rounded(values[0]) : values.map(rounded);
      return await this.#print({ ...input, value }, [String(value), "", nameOf(input)]);
    }
    const probabilities = Object.fromEntries(
      order.map((id) => [this.#nameOf(id), rounded(values[id])]),
    );
    if (problem === "multi_label_classification") {
      const labels = order.filter((id) => values[id] > 0.5).map((id) => this.#nameOf(id));
      const line = [labels.join(", ") || "-", "", nameOf(input)];
      return await this.#print({ ...input, labels, probabilities }, line);
    }
    const label = this.#nameOf(order[0]);
    const line = [label, percent(values[order[0]]), nameOf(input)];
    await this.#print({ ...input, label, probabilities }, line);
  }

  /** Writes what each word is. */
  async writeWords(
    { words }: WordsInput,
    logits: readonly (Float32Array | undefined)[],
  ): Promise<void> {
    const found = logits.map((each) => {
      if (each === undefined) return { label: null, probability: null };
      const values = probabilitiesOf(each, "single_label_classification");
      const best = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
      return { label: this.#nameOf(best), probability: rounded(values[best]) };
    });
    const labels = found.map(({ label }) => label);
    const probabilities = found.map(({ probability }) => probability);
    const table = words.map((word, k) => [labels[k] ?? "-", percent(probabilities[k] ?? 0), word]);
    await this.#print({ words, labels, probabilities }, ...table);
  }

  #nameOf(id: number): string {
    return String(this.#names[id] ?? `LABEL_${id}`);
  }

  async #print(value: object, ...table: readonly (readonly string[])[]): Promise<void> {
    const text = this.#isTable
      ? table.map(([label, share, name]) => `${label.padEnd(16)} ${share.padStart(6)}  ${name}\n`)
        .join("")
      : `${JSON.stringify(value)}\n`;
    this.#isClosed = !await print(text);
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
