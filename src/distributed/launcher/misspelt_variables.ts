// Variables that are almost ours: one with a typing error would be ignored, and a default taken in its place.

/** The variables that ranks read, without their prefix. */
const KNOWN = [
  ...["SECRET", "BIND", "INTERFACE", "ADVERTISE", "PORTS", "SAME_HOST", "INTEGRITY", "TRANSPORT"],
  ...["MPI_LIBRARY", "TLS_CERT", "TLS_KEY", "TLS_CA", "DUMP"],
  ...["TIMEOUT_MS", "STALL_TIMEOUT_MS", "SLOW_TIMEOUT_MS"],
  ...["ALLREDUCE", "REDUCESCATTER", "ALLGATHER", "BROADCAST"],
];
const PREFIX = "MESHFACTOR_";

/**
 * Refuses a variable whose name has one letter too few, too many or wrong, or lacks its end, as `MESHFACTOR_STALL_TIMEOUT` does.
 *
 * @throws {TypeError} that names it and the one that is meant.
 */
export function refuseMisspelt(names: Iterable<string>): void {
  for (const name of names) {
    if (!name.startsWith(PREFIX) || KNOWN.includes(name.slice(PREFIX.length))) continue;
    const meant = KNOWN.find((each) => isAlmost(name.slice(PREFIX.length), each));
    if (meant === undefined) continue;
    throw new TypeError(
      `${name} is set, which is no variable of Meshfactor: rename it to ${PREFIX}${meant}, or unset it`,
    );
  }
}

/** Two texts that differ in one letter become equal when each loses one, or one of them. */
function isAlmost(text: string, known: string): boolean {
  if (known.startsWith(`${text}_`)) return true;
  const others = new Set(withoutOne(known));
  return withoutOne(text).some((each) => others.has(each));
}

function withoutOne(text: string): string[] {
  return [text, ...Array.from(text, (_, at) => text.slice(0, at) + text.slice(at + 1))];
}
