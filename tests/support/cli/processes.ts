// Other processes of this machine: their children, and signals to them.

/** Ids of the children of a process, in the order of their starts. */
export async function childrenOf(pid: number): Promise<number[]> {
  const list = `cat /proc/${pid}/task/*/children`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", list], stderr: "null" }).output();
  const text = new TextDecoder().decode(stdout);
  return text.split(/\s+/).filter((each) => each !== "").map(Number).toSorted((a, b) => a - b);
}

/** Sends a signal to a process, or to a group by its negative id; false if there is none. */
export async function sendSignal(signal: Deno.Signal, id: number): Promise<boolean> {
  return await succeeds("kill", `-${signal}`, "--", `${id}`);
}

/** Whether a process exists. */
export async function isLeft(id: number): Promise<boolean> {
  return await succeeds("kill", "-0", `${id}`);
}

/** Runs a command without output; false if it fails. */
export async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  return (await new Deno.Command(command, { args, stderr: "null" }).output()).success;
}
