// The oldest supported version of Deno. Before 2.9.5, closing a connection did not cancel its pending writes, and before
// 2.9.0 not its pending reads: a lost rank could then hang the others.

/** The oldest supported version. */
export const MIN_DENO_VERSION = "2.9.5";

/** @throws {Error} if `version`, such as `2.9.6` or `2.10.0-rc.1`, is older than `MIN_DENO_VERSION`. */
export function requireDenoVersion(version: string): void {
  const [actual, wanted] = [numbers(version), numbers(MIN_DENO_VERSION)];
  const differing = wanted.findIndex((number, index) => actual[index] !== number);
  if (differing === -1 || actual[differing] > wanted[differing]) return;
  throw new Error(
    `Deno ${MIN_DENO_VERSION} or newer is needed, this is ${version}: run 'deno upgrade'`,
  );
}

function numbers(version: string): readonly number[] {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(version);
  return match === null ? [0, 0, 0] : match.slice(1).map(Number);
}
