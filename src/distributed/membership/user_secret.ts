// The secret of jobs that nobody else on the network can reach and that were given none: one file per user of this host.
//
//   /tmp/meshfactor-<user id>/   0700   refused if it is a link, or another user's, or open to others
//     secret                     0600   256 random bits in hex, made by the first rank that needs it
//
// Without a secret any process of the host could join at a loopback port. A launcher makes a secret for each job, but ranks
// that were started by hand share nothing but the host and the user. The file stays, so that no rank has to wait for another
// to write it and none reads a stale one: jobs of one user are kept apart by their ports, not by secrets.

import { randomSecret, SECRET_ADVICE } from "../wire/secret.ts";

/**
 * Reads this user's secret, and makes it if there is none.
 *
 * @throws {Error} if the folder or the file is not this user's alone, or cannot be made.
 */
export function userSecret(parent = "/tmp"): string {
  const user = Deno.build.os === "windows" ? null : Deno.uid();
  if (user === null) throw new Error(`This system has no users by number: ${SECRET_ADVICE}`);
  const folder = `${parent}/meshfactor-${user}`;
  const file = `${folder}/secret`;
  try {
    makeFolder(folder);
    requireOwn(folder, { user, isRight: ({ isDirectory }) => isDirectory });
    makeFile(file);
    requireOwn(file, { user, isRight: ({ isFile }) => isFile });
    const secret = Deno.readTextFileSync(file);
    if (/^[0-9a-f]{64}$/.test(secret)) return secret;
    throw new Error("it does not hold 64 hexadecimal digits: remove it");
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `The ranks of this job have no secret, and cannot share one by ${file}: ${text}. Start them with ` +
        `src/cli/launch.ts, which makes one, or ${SECRET_ADVICE}`,
      { cause },
    );
  }
}

function makeFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** Under its name it is complete from the start, and the first one stays, however many ranks begin at once. */
function makeFile(file: string): void {
  if (exists(file)) return;
  const unfinished = `${file}.${crypto.randomUUID()}`;
  Deno.writeTextFileSync(unfinished, randomSecret(), { createNew: true, mode: 0o600 });
  try {
    Deno.linkSync(unfinished, file);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    Deno.removeSync(unfinished);
  }
}

function exists(file: string): boolean {
  try {
    Deno.lstatSync(file);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Of a link, the link itself is checked. */
function requireOwn(
  path: string,
  { user, isRight }: { readonly user: number; readonly isRight: (info: Deno.FileInfo) => boolean },
): void {
  const info = Deno.lstatSync(path);
  if (!isRight(info)) throw new Error(`${path} is of another kind`);
  if (info.uid !== user) throw new Error(`${path} belongs to user ${info.uid}, not ${user}`);
  if (info.mode === null || (info.mode & 0o077) !== 0) {
    throw new Error(`${path} is open to other users (mode ${info.mode?.toString(8)})`);
  }
}
