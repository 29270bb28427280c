// Ranks with different files or options would train without any sign of it: before the first step they compare digests of everything
// that must be equal.

import type { ProcessGroup } from "../distributed/group.ts";

/**
 * Verifies that all ranks have the same bytes under each name; all ranks of the group call it together, with the same names in the same
 * order.
 *
 * @throws {Error} on all of them, naming what differs and the ranks that have other bytes than the first.
 */
export async function requireAgreement(
  group: ProcessGroup,
  parts: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
): Promise<void> {
  const names = Object.keys(parts);
  const digests = Object.values(parts).map((bytes) => crypto.subtle.digest("SHA-256", bytes));
  const own = (await Promise.all(digests)).flatMap((digest) => [...new Uint32Array(digest)]);
  const counts = group.ranks.map(() => own.length);
  const all = await group.allGather(Uint32Array.from(own), counts);
  for (const [part, name] of names.entries()) {
    const digestOf = (position: number) => {
      const begin = position * own.length + part * DIGEST_WORDS;
      return all.subarray(begin, begin + DIGEST_WORDS).join();
    };
    const other = group.ranks.filter((_, position) => digestOf(position) !== digestOf(0));
    if (other.length > 0) {
      throw new Error(
        `Cannot train as rank ${other.join(", ")} has another ${name} than rank ${
          group.ranks[0]
        }: give all ranks the same files and options, and leave files alone until every rank has read them`,
      );
    }
  }
}

const DIGEST_WORDS = 8;
