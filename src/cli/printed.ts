// Text on stdout, which somebody may stop to read.

/** Writes text to stdout; false if nobody reads it any more, as after `| head`. */
export async function print(text: string): Promise<boolean> {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(await Deno.stdout.write(rest));
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    return false;
  }
}
