// The text of a config.json as Python writes it: JSON, and NaN, Infinity and -Infinity besides, which are no JSON. Settings are
// changed in the text, as JSON.stringify() does not keep Python's distinction of 1.0 and 1.

/** Parses Python's JSON. @throws {SyntaxError} if it is none */
export function parsePythonJson(text: string): unknown {
  const nan = unusedIn(text, "NaN");
  const json = text.replaceAll(NUMBERS, (token) => {
    if (token.startsWith('"')) return token;
    // More than any number of f64: infinite.
    return token === "NaN" ? `"${nan}"` : token.replace("Infinity", "1e999");
  });
  return JSON.parse(json, (_key, value) => value === nan ? NaN : value);
}

/** Python's JSON of a value, with two spaces of indentation. */
export function formatPythonJson(value: unknown): string {
  const mark = unusedIn(JSON.stringify(value), "number:");
  const json = JSON.stringify(
    value,
    (_key, each) => typeof each === "number" && !Number.isFinite(each) ? `${mark}${each}` : each,
    2,
  );
  return json.replaceAll(new RegExp(`"${mark}(NaN|-?Infinity)"`, "g"), "$1");
}

/** `text` with settings of its outermost object replaced, added, or removed if they are undefined. */
export function withSettings(
  text: string,
  changes: Readonly<Record<string, unknown>>,
): string {
  const kept = membersOf(text).filter(({ key }) =>
    changes[key] !== undefined || !Object.hasOwn(changes, key)
  );
  const members = kept.map(({ key, value }) =>
    `${JSON.stringify(key)}: ${Object.hasOwn(changes, key) ? nested(changes[key]) : value}`
  );
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined || kept.some((each) => each.key === key)) continue;
    members.push(`${JSON.stringify(key)}: ${nested(value)}`);
  }
  return members.length === 0 ? "{}\n" : `{\n  ${members.join(",\n  ")}\n}\n`;
}

function nested(value: unknown): string {
  return formatPythonJson(value).replaceAll("\n", "\n  ");
}

/** The members of the outermost object, with the texts of their values. */
function membersOf(text: string): { readonly key: string; readonly value: string }[] {
  const members: { key: string; value: string }[] = [];
  let [depth, key, begin] = [0, "", 0];
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    const isEnd = depth === 1 && (token === "," || token === "}");
    if (isEnd && key !== "") {
      members.push({ key: JSON.parse(key), value: text.slice(begin, index).trim() });
      key = "";
    }
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (depth === 1 && key === "" && token.startsWith('"')) key = token;
    else if (depth === 1 && token === ":") begin = index + 1;
  }
  return members;
}

/** `word`, made longer until it is not in `text`. */
function unusedIn(text: string, word: string): string {
  while (text.includes(word)) word += "_";
  return word;
}

const NUMBERS = /"(?:\\.|[^"\\])*"|-?\bInfinity\b|\bNaN\b/g;
const TOKENS = /"(?:\\.|[^"\\])*"|[{}[\],:]/g;
