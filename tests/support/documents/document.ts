// The documents of the repository, as their fenced blocks, links, file names and tables.

/** The repository. */
export const ROOT = new URL("../../../", import.meta.url).pathname;

/** A fenced block: what is written behind the fence, split at spaces, and its text. */
export interface Block {
  readonly language: string;
  /** Such as `ranks=4`. */
  readonly words: readonly string[];
  readonly text: string;
}

/** One Markdown file. */
export interface Document {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** All documents that users and contributors read. */
export function readDocuments(): Document[] {
  const inDocs = ["docs", "docs/guides"].flatMap((folder) =>
    [...Deno.readDirSync(`${ROOT}${folder}`)].map(({ name }) => `${folder}/${name}`)
  ).filter((path) => path.endsWith(".md"));
  return ["README.md", "CONTRIBUTING.md", "bench/README.md", ...inDocs.toSorted()].map((path) => {
    const text = Deno.readTextFileSync(`${ROOT}${path}`);
    return { path, text, blocks: blocksOf(text) };
  });
}

/** Fenced blocks, in order. */
export function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(([, info, body]) => {
    const [language, ...words] = info.split(" ");
    return { language, words, text: body };
  });
}

/** The commands of a shell block, without comments, each with its continued lines. */
export function commandsOf({ text }: Block): string[] {
  return text.replaceAll("\\\n", " ").split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").replaceAll(/\s+/g, " ").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** Targets of links that stay inside of the repository, such as `docs/devices.md#limits`. */
export function relativeLinks(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Files and folders of the repository that are named as code, such as `src/nn/` or `tests/ops/softmax_test.ts`. */
export function namedFiles(text: string): string[] {
  const folders = [...Deno.readDirSync(ROOT)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name);
  return [...text.matchAll(/(?<![\w./@~-])[\w.]+(?:\/[\w.]+)+\/?/g)].map(([path]) => path)
    .filter((path) => folders.includes(path.split("/")[0]))
    .map((path) => path.replace(/\.$/, ""));
}

/** The names by which links reach the headings of a document, as GitHub makes them. */
export function anchorsOf(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

/** The cells of all tables. */
export function tableCells(text: string): string[] {
  return withoutBlocks(text).split("\n").filter((line) => line.startsWith("|"))
    .flatMap((line) => line.split("|").map((cell) => cell.trim()));
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, "");
}
