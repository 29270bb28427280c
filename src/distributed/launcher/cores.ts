// Binds each rank of a host to cores of its own, if requested.
//
//   cores 0-7, 2 ranks: 0-3 4-7       cores 0-1, 4 ranks: 0 0 1 1
//
// Linux wakes a process that waits on a socket on the core of the process that wrote to it, so ranks that communicate all the
// time end up on one core and take turns, while another idles: an allReduce of 512 KiB took 440 us on 2 busy cores, and 280
// with a core for each rank. It is not the default, as threads of a rank, such as those of a software GPU, share its cores,
// and a rank that is bound to a core that other programs keep busy waits for them.

/**
 * The command prefix that binds local rank `rank` of `ranks` to its share of this machine's cores.
 *
 * @throws as `allowedCores`.
 */
export function pinned(rank: number, ranks: number): readonly string[] {
  return ["taskset", "--cpu-list", shareOf(allowedCores(), { rank, ranks }).join(",")];
}

/** The cores of one of `ranks` ranks: contiguous and equally many for each, or one core for several ranks. */
export function shareOf(
  cores: readonly number[],
  { rank, ranks }: { readonly rank: number; readonly ranks: number },
): readonly number[] {
  const begin = Math.floor(rank * cores.length / ranks);
  const end = Math.floor((rank + 1) * cores.length / ranks);
  return cores.slice(begin, Math.max(end, begin + 1));
}

/** Parses a list like `0-3,8`. */
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
    throw new Error(`Ranks can be bound to cores on Linux only, this is ${Deno.build.os}`);
  }
  try {
    const command = new Deno.Command("taskset", { args: ["--cpu-list", "--pid", `${Deno.pid}`] });
    const text = new TextDecoder().decode(command.outputSync().stdout);
    return parseCores(text.slice(text.lastIndexOf(":") + 1));
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(
      "taskset, which binds ranks to cores, was not found: install it (on Debian: util-linux)",
      { cause },
    );
  }
}
