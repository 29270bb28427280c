// The ranks of a new group: different ranks of the world, the calling one among them.

/**
 * Checks the ranks of a group that this rank creates.
 *
 * @throws {RangeError} if a rank is given twice, is out of range, or this rank is not among them.
 */
export function requireGroupRanks(
  ranks: readonly number[],
  { rank: own, worldSize }: { readonly rank: number; readonly worldSize: number },
): void {
  for (const rank of ranks) {
    if (!Number.isInteger(rank) || rank < 0 || rank >= worldSize) {
      throw new RangeError(`Rank ${rank} is out of range: ranks are 0 to ${worldSize - 1}`);
    }
  }
  const twice = ranks.find((rank, position) => ranks.indexOf(rank) !== position);
  if (twice !== undefined) {
    throw new RangeError(`Rank ${twice} is given twice in the group [${ranks.join(", ")}]`);
  }
  if (!ranks.includes(own)) {
    throw new RangeError(
      `Rank ${own} cannot create the group [${ranks.join(", ")}] as it is not in it`,
    );
  }
}
