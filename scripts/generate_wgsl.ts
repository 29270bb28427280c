// Turns wgsl/*.wgsl and wgsl/fragments/*.wgsl into one TypeScript module, src/device/webgpu/wgsl_sources.ts, as published
// modules cannot import text; and the table of pointwise formulas into Rust (pointwise_rust.ts).
//
//   deno task wgsl            writes the module and the Rust
//   deno task wgsl --check    fails if they are not what the files give
//
// Each file's text stands there once, without comments and blank lines; src/device/webgpu/wgsl_composer.ts puts the texts
// together at run time and describes the directives, which are comments that stay.

import { pointwiseRust } from "./pointwise_rust.ts";

const FOLDER = new URL("../wgsl/", import.meta.url);
const MODULE = new URL("../src/device/webgpu/wgsl_sources.ts", import.meta.url);
const RUST = new URL("../rust_kernels/src/ops/pointwise_formulas.rs", import.meta.url);

/** The module's text. */
export function generateModule(): string {
  return "// Generated from wgsl/ by `deno task wgsl`: do not edit.\n" +
    "// deno-fmt-ignore-file\n\n" +
    "/** Shaders: the text of wgsl/NAME.wgsl by NAME. */\n" +
    `export const wgslSources: Readonly<Record<string, string>> = ${texts(FOLDER)};\n\n` +
    "/** Parts of shaders: the text of wgsl/fragments/NAME.wgsl by NAME. */\n" +
    `export const wgslFragments: Readonly<Record<string, string>> = ${
      texts(new URL("fragments/", FOLDER))
    };\n`;
}

/** Text without comments and blank lines, but with directives. */
export function stripped(text: string): string {
  const lines = text.split("\n").filter((line) =>
    /^\/\/ include: /.test(line) || !/^\s*(\/\/.*)?$/.test(line)
  );
  return lines.join("\n");
}

function texts(folder: URL): string {
  const stems = [...Deno.readDirSync(folder)]
    .filter(({ name }) => name.endsWith(".wgsl"))
    .map(({ name }) => name.slice(0, -".wgsl".length))
    .sort();
  const entries = stems.map((stem) => {
    const text = Deno.readTextFileSync(new URL(`${stem}.wgsl`, folder));
    return `  ${stem}: \`\n${stripped(text)}\`,\n`;
  });
  return `{\n${entries.join("")}}`;
}

if (import.meta.main) {
  const generated = [[MODULE, generateModule()], [RUST, pointwiseRust()]] as const;
  for (const [file, text] of generated) {
    if (!Deno.args.includes("--check")) {
      Deno.writeTextFileSync(file, text);
    } else if (Deno.readTextFileSync(file) !== text) {
      console.error(`${file.pathname} is stale: run \`deno task wgsl\` and commit the result`);
      Deno.exit(1);
    }
  }
}
