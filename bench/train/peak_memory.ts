// The most memory that a process has had in use at a time, as Linux counts it: one can begin to count anew, when the model is
// loaded. Deno lets programs read their own only with all permissions, so a command looks.

/** Begins to count anew. */
export async function resetPeak(pid: number): Promise<void> {
  await shell(`echo 5 > /proc/${pid}/clear_refs`);
}

/** Bytes; undefined where the system does not report it. */
export async function peakBytes(pid: number): Promise<number | undefined> {
  const line = await shell(`grep VmHWM /proc/${pid}/status`);
  const [, kilobytes] = /VmHWM:\s*(\d+) kB/.exec(line) ?? [];
  return kilobytes === undefined ? undefined : 1024 * Number(kilobytes);
}

async function shell(command: string): Promise<string> {
  if (Deno.build.os !== "linux") return "";
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", command],
    stdout: "piped",
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}
