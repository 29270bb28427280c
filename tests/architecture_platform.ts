// `Deno.` and `node:` are allowed only where the platform itself is meant: everything else runs in any JavaScript engine.

import { importsOf } from "./architecture_rules.ts";

/** Folders and files of src/ that may use the platform, and what for. */
const allowed: readonly { readonly path: string; readonly reason: string }[] = [
  { path: "src/distributed/", reason: "sockets, processes and their environment" },
  { path: "src/cli/", reason: "the command line" },
  { path: "src/checkpoint/disk.ts", reason: "files of checkpoints on disk" },
  { path: "src/checkpoint/disk_folder.ts", reason: "folders of models on disk" },
  { path: "src/checkpoint/disk_checkpoints.ts", reason: "folders of checkpoints on disk" },
  { path: "src/checkpoint/hub/", reason: "the cache of the hub, hashes and their variables" },
  { path: "src/train/data/", reason: "files of data on disk, streams, hashes" },
  { path: "src/train/text_files.ts", reason: "folders of text on disk" },
  { path: "src/tensor/async_scope.ts", reason: "values of an asynchronous context" },
  // Turns of the event loop, which JavaScript itself does not name.
  { path: "src/device/webgpu/command_recorder.ts", reason: "submits at the end of a turn" },
  { path: "src/device/webgpu/device.ts", reason: "waits for the GPU a turn at a time" },
  { path: "src/device/webgpu/adapter.ts", reason: "an environment variable that Mesa needs" },
];

/** A source file. */
export interface SourceFile {
  /** Relative to the repository. */
  readonly file: string;
  readonly text: string;
}

/** Uses of the platform in files that are not on the list. */
export function wrongPlatform(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ file }) => !allowed.some(({ path }) => file.startsWith(path)))
    .flatMap((source) => platformUses(source).map((use) => `${source.file} must not use ${use}`));
}

/** Paths on the list that no file needs any more. */
export function needlessPlatform(files: readonly SourceFile[]): string[] {
  return allowed
    .map(({ path }) => path)
    .filter((path) =>
      !files.some((source) => source.file.startsWith(path) && platformUses(source).length > 0)
    );
}

/** `Deno` and the `node:` modules that a file uses, each once. */
export function platformUses({ file, text }: SourceFile): string[] {
  const modules = importsOf(file, text).map(({ to }) => to).filter((to) => to.startsWith("node:"));
  const global = /\bDeno\b/.test(codeOf(text)) ? ["Deno"] : [];
  return [...new Set([...global, ...modules])];
}

/** `text` without comments, strings, regular expressions and the literal parts of templates. */
export function codeOf(text: string): string {
  let code = "";
  let at = 0;
  /** For each template that is open: the braces that are open in its current `${}`. */
  const templates: number[] = [];
  const skip = (pattern: RegExp) => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const skipTemplateText = () => {
    skip(TEMPLATE_TEXT);
    if (text.startsWith("${", at)) templates.push(0);
    at += text.startsWith("${", at) ? 2 : 1;
  };
  while (at < text.length) {
    const beginsRegExp = text[at] === "/" && BEFORE_REGEXP.test(code.trimEnd().slice(-8));
    if (skip(COMMENT) || skip(STRING) || (beginsRegExp && skip(REGEXP))) continue;
    const char = text[at++];
    const depth = templates.length - 1;
    if (char === "`") skipTemplateText();
    else if (char === "}" && templates[depth] === 0) {
      templates.pop();
      skipTemplateText();
    } else {
      if (char === "{" && depth >= 0) templates[depth]++;
      if (char === "}" && depth >= 0) templates[depth]--;
      code += char;
    }
  }
  return code;
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const STRING = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/y;
const TEMPLATE_TEXT = /(?:\\[\s\S]|(?!\$\{)[^`\\])*/y;
const REGEXP = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
/** What code ends with where a slash begins a regular expression and no division. */
const BEFORE_REGEXP = /(?:^|[(,=:[!&|?{};>]|\breturn)$/;
