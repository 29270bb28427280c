// Turns wgsl/*.wgsl into one TypeScript module, src/device/wgsl_generated.ts, as published modules cannot import text.
//
//   deno task wgsl            writes the module
//   deno task wgsl --check    fails if the module is not what the files give
//
// Two directives, so that the files stay readable WGSL:
//   // include: NAME                                       the text of wgsl/fragments/NAME.wgsl
//   // include: tensor_NAME for OPERAND                    the same with OPERAND for `tensor` and Operand for `Tensor`
//   for (var j = 0u; j < 4u; j++) { // unroll              four copies of the body, with 0u, 1u, 2u, 3u for j
// Loops are unrolled here as naga guards every loop with a 64-bit counter, which costs an inner loop up to five times.
// Comments and blank lines are left out.

const SOURCES = new URL("../wgsl/", import.meta.url);
const MODULE = new URL("../src/device/wgsl_generated.ts", import.meta.url);
const UNROLLED_LOOP =
  /^ *for \(var (?<name>\w+) = 0u; \k<name> < (?<count>\d+)u; \k<name>\+\+\) \{ \/\/ unroll$/;

/** The module's text: file stem to WGSL text. */
export function generateModule(): string {
  const stems = [...Deno.readDirSync(SOURCES)]
    .filter((entry) => entry.name.endsWith(".wgsl"))
    .map((entry) => entry.name.slice(0, -".wgsl".length))
    .sort();
  const entries = stems.map((stem) =>
    `  ${stem}: \`\n${expand(readLines(stem)).join("\n")}\n\`,\n`
  );
  return "// Generated from wgsl/*.wgsl by `deno task wgsl`: do not edit.\n" +
    "// deno-fmt-ignore-file\n\n" +
    "/** WGSL text by file stem. */\n" +
    `export const wgslSources = {\n${entries.join("")}} as const;\n`;
}

/** Applies the directives to the lines of one file, and leaves comments out. */
export function expand(lines: readonly string[]): string[] {
  const output: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    const include = line.match(/^\/\/ include: (?<name>\w+)(?: for (?<operand>\w+))?$/);
    const loop = line.match(UNROLLED_LOOP);
    if (include !== null) {
      const { name, operand } = include.groups!;
      output.push(...expand(forOperand(readLines(`fragments/${name}`), operand)));
    } else if (loop !== null) {
      const end = closingLine(lines, at);
      output.push(
        ...unroll(lines.slice(at + 1, end), loop.groups!.name, Number(loop.groups!.count)),
      );
      at = end;
    } else if (line.includes("// unroll")) {
      throw new SyntaxError(
        `Cannot unroll "${line.trim()}": write for (var j = 0u; j < 4u; j++) { // unroll`,
      );
    } else if (!/^\s*(\/\/.*)?$/.test(line)) {
      output.push(line);
    }
  }
  return output;
}

/** The lines of a fragment that is written for any `tensor`, for one operand. */
function forOperand(lines: readonly string[], operand: string | undefined): readonly string[] {
  if (operand === undefined) return lines;
  const capitalized = operand[0].toUpperCase() + operand.slice(1);
  return lines.map((line) => line.replaceAll("tensor", operand).replaceAll("Tensor", capitalized));
}

function readLines(stem: string): string[] {
  return Deno.readTextFileSync(new URL(`${stem}.wgsl`, SOURCES)).split("\n");
}

/** The line of the brace that closes the block opened on line `begin`: the first one indented alike. */
function closingLine(lines: readonly string[], begin: number): number {
  const brace = lines[begin].match(/^ */)![0] + "}";
  const end = lines.indexOf(brace, begin);
  if (end < 0) {
    throw new SyntaxError(`No closing brace under "${lines[begin].trim()}"`);
  }
  return end;
}

/** `count` copies of the body, each a block of its own so that its names do not clash. */
function unroll(body: readonly string[], name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const copy = body.map((line) => line.replaceAll(new RegExp(`\\b${name}\\b`, "g"), `${i}u`));
    return ["{", ...expand(copy), "}"];
  }).flat();
}

if (import.meta.main) {
  const text = generateModule();
  if (!Deno.args.includes("--check")) {
    Deno.writeTextFileSync(MODULE, text);
  } else if (Deno.readTextFileSync(MODULE) !== text) {
    console.error(
      "src/device/wgsl_generated.ts is stale: run `deno task wgsl` and commit the result",
    );
    Deno.exit(1);
  }
}
