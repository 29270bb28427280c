// A folder for the files of one test, and what is in a folder.

/** Runs `body` with a folder that is removed after it. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The names in a folder, in alphabetical order. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).toSorted();
}

/** The steps of the checkpoints in a folder, in ascending order. */
export async function stepsIn(folder: string): Promise<number[]> {
  return (await namesIn(folder)).flatMap((name) => {
    const match = /^step-(\d+)$/.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}
