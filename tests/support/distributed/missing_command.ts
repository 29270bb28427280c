// Whether a command is installed, for tests that are skipped visibly where it is not.

/** The reason why `command` cannot be run here; undefined if it can. */
export async function missingCommand(command: string): Promise<string | undefined> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", 'command -v "$0"', command],
    stdout: "null",
  }).output();
  return success ? undefined : `${command} is not installed`;
}
