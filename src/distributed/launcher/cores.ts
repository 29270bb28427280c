// Cores of its own for each rank of a host, if asked for.
//
//   cores 0-7, 2 ranks: 0-3 4-7       cores 0-1, 4 ranks: 0 0 1 1
//
// A process that is woken by what comes on a socket is put on the core of its waker, so ranks that talk all the time end up
// on one core and take turns, beside one that idles: an allReduce of 512 KiB took 440 us on 2 cores of 2 busy ones, and 280
// with a core for each rank. It is not done by default, as threads of a rank, such as those of a software GPU, share its
// cores; and where other programs keep a core busy, the rank that is bound to it waits for them.

/**
 * The words to put before a command so that it runs on its share of this machine's cores: local rank `rank` of `ranks`.
 *
 * @throws as `allowedCores`.
 */
export function pinned(rank: number, ranks: number): readonly string[] {
  return ["taskset", "--cpu-list", shareOf(allowedCores(), { rank, ranks }).join(",")];
}

/** The cores of one of `ranks` ranks: as many for each, side by side, or one core for several ranks. */
export function shareOf(
  cores: readonly number[],
  { rank, ranks }: { readonly rank: number; readonly ranks: number },
): readonly number[] {
  const begin = Math.floor(rank * cores.length / ranks);
  const end = Math.floor((rank + 1) * cores.length / ranks);
  return cores.slice(begin, Math.max(end, begin + 1));
}

/** The numbers in a list like `0-3,8`. */
export function parseCores(list: string): readonly number[] {
  return list.trim().split(",").flatMap((part) => {
    const [first, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/**
 * The cores that this process may run on.
 *
 * @throws {Error} if this is not Linux, or has no taskset.
 */
export function allowedCores(): readonly number[] {
  if (Deno.build.os !== "linux") {
    throw new Error(`Ranks can be kept on cores on Linux only, this is ${Deno.build.os}`);
  }
  try {
    const command = new Deno.Command("taskset", { args: ["--cpu-list", "--pid", `${Deno.pid}`] });
    const text = new TextDecoder().decode(command.outputSync().stdout);
    return parseCores(text.slice(text.lastIndexOf(":") + 1));
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(
      "taskset, which keeps ranks on cores, was not found: install it (on Debian: util-linux)",
      { cause },
    );
  }
}
