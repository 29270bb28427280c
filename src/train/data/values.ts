// The values of a row's columns, each of the type that a record needs. CSV has only text: numbers and lists are written in it as in JSON.

import type { ChatMessage } from "../chat_template.ts";
import type { Row } from "./row.ts";

/** A text. @throws {TypeError} if the column has another value */
export function text(row: Row, name: string): string {
  const value = row.values[name];
  if (typeof value !== "string") throw wrong(row, name, "a text");
  if (value.isWellFormed()) return value;
  throw wrong(row, name, "a text without half of a character (a lone surrogate)");
}

/** A list of texts. @throws {TypeError} if the column has another value */
export function textList(row: Row, name: string): string[] {
  const value = structured(row, name);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw wrong(row, name, "a list of texts");
}

/** A list of names or numbers of classes. @throws {TypeError} if the column has another value */
export function tagList(row: Row, name: string): (string | number)[] {
  const value = structured(row, name);
  if (!Array.isArray(value)) throw wrong(row, name, "a list of names or numbers");
  return value.map((item) => {
    const tag = scalar(row, item);
    if (tag === undefined) throw wrong(row, name, "a list of names or numbers");
    return tag;
  });
}

/** A name, a number, or a list of them. @throws {TypeError} if the column has another value */
export function label(row: Row, name: string): string | number | (string | number)[] {
  const value = structured(row, name);
  if (Array.isArray(value)) return tagList(row, name);
  const single = scalar(row, value);
  if (single !== undefined) return single;
  throw wrong(row, name, "a name, a number, or a list of them");
}

/** A chat. @throws {TypeError} if the column has another value, or no messages */
export function chatMessages(row: Row, name: string): ChatMessage[] {
  const value = structured(row, name);
  const wanted = 'a list of messages such as {"role": "user", "content": "..."}';
  if (!Array.isArray(value) || value.length === 0) throw wrong(row, name, wanted);
  return value.map((message, k) => {
    const { role, content } = (message ?? {}) as {
      readonly role?: unknown;
      readonly content?: unknown;
    };
    const said = contentText(content);
    if (typeof role === "string" && said !== undefined) return { role, content: said };
    throw wrong(row, name, `${wanted}; message ${k + 1} is`, message);
  });
}

/** A text, or the texts of a list of parts that are all text. */
function contentText(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  const parts = content.map((part) => part?.type === "text" ? part.text : undefined);
  return parts.every((part) => typeof part === "string") ? parts.join("") : undefined;
}

/** The value of a column; in CSV a list is written as in JSON. */
function structured({ values, isText }: Row, name: string): unknown {
  const value = values[name];
  if (isText !== true || typeof value !== "string" || !LIST.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** A text or a number, which CSV writes as text; truth is 1 or 0. */
function scalar({ isText }: Row, value: unknown): string | number | undefined {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string" || value === "") return undefined;
  return isText === true && NUMBER.test(value) ? Number(value) : value;
}

function wrong(row: Row, name: string, wanted: string, got = row.values[name]): TypeError {
  return new TypeError(
    `${row.place}: the column ${JSON.stringify(name)}: wanted ${wanted}, got ${shown(got)}`,
  );
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value, (_, item) => typeof item === "bigint" ? String(item) : item);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}

const LIST = /^\s*\[[\s\S]*\]\s*$/;
/** A number of JSON; codes such as 007 are names. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i;
