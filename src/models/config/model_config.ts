// A model's config.json as transformers writes it: read with a schema per family, and kept as text, so that it is saved as it was
// loaded.
//
// As in transformers, unknown keys are ignored; a known key with an unsupported value is refused by name.

import * as v from "valibot";
import { formatPythonJson, parsePythonJson, withSettings } from "./config_text.ts";

/**
 * The settings of one model.
 *
 * @category Models
 */
export class ModelConfig {
  /** The text of the file. */
  readonly text: string;
  /** Its parsed settings. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly #where: string;

  /**
   * Parses the text of a config.json; `where` names it in messages.
   *
   * @throws {TypeError} if it is no JSON object.
   */
  constructor(text: string, { where = "config.json" }: { readonly where?: string } = {}) {
    // A byte order mark is no JSON: Python refuses it.
    this.text = text.replace(/^\uFEFF/, "");
    this.#where = where;
    this.values = this.#parse(anyObject, this.#json());
  }

  /**
   * Reads settings by `schema`, from all of them or from `values` that were derived from them.
   *
   * @throws {TypeError} naming the first that is missing, wrong or not supported.
   * @internal
   */
  read<Schema extends v.GenericSchema>(
    schema: Schema,
    values: unknown = this.values,
  ): v.InferOutput<Schema> {
    return this.#parse(schema, values);
  }

  /** The settings of a part of the model, under `key`, and `defaults` of those that it lacks. @throws {TypeError} if it is no object */
  nested(key: string, defaults: Readonly<Record<string, unknown>> = {}): ModelConfig {
    const where = `${this.#where}: ${key}`;
    const given = this.values[key] ?? {};
    const own = new ModelConfig(formatPythonJson(given), { where });
    return new ModelConfig(formatPythonJson({ ...defaults, ...own.values }), { where });
  }

  /** An error about this config. */
  error(message: string): TypeError {
    return new TypeError(`${this.#where}: ${message}`);
  }

  /** The same config with another dtype of weights, by transformers' name, in nested configs too; unchanged if it names none. */
  withDtype(dtype: "float32" | "float16" | "bfloat16"): ModelConfig {
    const text = this.text.replaceAll(/("(?:torch_)?dtype"\s*:\s*)"[^"\\]*"/g, `$1"${dtype}"`);
    return text === this.text ? this : new ModelConfig(text, { where: this.#where });
  }

  /** The same config with some settings replaced or added, or removed if they are undefined. */
  with(changes: Readonly<Record<string, unknown>>): ModelConfig {
    return new ModelConfig(withSettings(this.text, changes), { where: this.#where });
  }

  #json(): unknown {
    try {
      return parsePythonJson(this.text);
    } catch (error) {
      throw this.error(`it is not JSON: ${error instanceof Error ? error.message : error}`);
    }
  }

  #parse<Schema extends v.GenericSchema>(schema: Schema, value: unknown): v.InferOutput<Schema> {
    const { output, issues } = v.safeParse(schema, value, { abortEarly: true });
    if (issues === undefined) return output;
    const [issue] = issues;
    const name = v.getDotPath(issue) ?? "it";
    if (issue.received === "undefined") throw this.error(`${name} is missing`);
    throw this.error(
      issue.expected === null
        ? `${name} ${issue.message}`
        : `${name} must be ${issue.expected}, got ${issue.received}`,
    );
  }
}

const anyObject = v.pipe(
  v.unknown(),
  v.check((value) => !Array.isArray(value), "must be an object, got an array"),
  v.record(v.string(), v.unknown()),
);

/** A positive integer. */
export const count = v.pipe(v.number(), v.safeInteger("must be an integer"), v.minValue(1));

/** A number of blocks, of which no model has more than thousands: more would be built for hours. */
export const blockCount = v.pipe(count, v.maxValue(10_000));

/** A number above 0. */
export const positive = v.pipe(v.number(), v.finite("must be finite"), v.gtValue(0));

/** A probability of dropout. */
export const probability = v.pipe(
  v.number(),
  v.finite("must be finite"),
  v.minValue(0),
  v.ltValue(1),
);

/** An integer, which may be negative. */
export const integer = v.pipe(v.number(), v.safeInteger("must be an integer"));

/** A setting that may be null, and is null if it is missing. */
export function orNull<const Schema extends v.GenericSchema>(
  schema: Schema,
): v.NullishSchema<Schema, null> {
  return v.nullish(schema, null);
}

/** A boolean, with `otherwise` as its default. */
export function flag(
  otherwise: boolean,
): v.OptionalSchema<v.BooleanSchema<undefined>, boolean> {
  return v.optional(v.boolean(), otherwise);
}

/** A setting of which only one value is supported, which is also the default. */
export function only<const Value extends boolean | number | string>(
  value: Value,
): v.OptionalSchema<v.LiteralSchema<Value, undefined>, Value> {
  return v.optional(v.literal(value), value);
}
