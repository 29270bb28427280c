// Ranks exchange texts, such as what went wrong, so that all of them do the same next and report the same.

import type { ProcessGroup } from "../distributed/group.ts";

/** The texts of all ranks that gave one, in rank order; all ranks call it together. */
export async function sharedTexts(
  group: ProcessGroup | undefined,
  own: string | undefined,
): Promise<string[]> {
  if (group === undefined || group.size === 1) return own === undefined ? [] : [own];
  const words = Uint32Array.from(own ?? "", (char) => char.codePointAt(0)!);
  const one = group.ranks.map(() => 1);
  const given = own === undefined ? NONE : words.length;
  const lengths = [
    ...await group.allGather(Uint32Array.of(given), one, { label: "lengths of texts" }),
  ];
  const counts = lengths.map((length) => length === NONE ? 0 : length);
  const isEmpty = counts.every((count) => count === 0);
  const all = isEmpty ? words : await group.allGather(words, counts, { label: "texts" });
  let at = 0;
  return lengths.flatMap((length, position) => {
    const codes = all.subarray(at, at += counts[position]);
    return length === NONE
      ? []
      : [Array.from(codes, (code) => String.fromCodePoint(code)).join("")];
  });
}

/** The length of a text that was not given. */
const NONE = 2 ** 32 - 1;
