// The secret that all ranks of one user share by a file: made once, and never read from what others could have written.

import { equal, match, notEqual, throws } from "node:assert/strict";
import { userSecret } from "../../../src/distributed/membership/user_secret.ts";

const USER = Deno.build.os === "windows" ? null : Deno.uid();
const isRoot = USER === 0;

userTest(
  "the first rank makes a secret that only its user can read, and the others read it",
  (parent) => {
    const secret = userSecret(parent);
    match(secret, /^[0-9a-f]{64}$/);
    equal(userSecret(parent), secret);
    equal(Deno.statSync(`${parent}/meshfactor-${USER}`).mode! & 0o777, 0o700);
    equal(Deno.statSync(`${parent}/meshfactor-${USER}/secret`).mode! & 0o777, 0o600);
    equal([...Deno.readDirSync(`${parent}/meshfactor-${USER}`)].length, 1);
    const other = `${parent}/other`;
    Deno.mkdirSync(other);
    notEqual(userSecret(other), secret);
  },
);

userTest("a folder or file that other users can read or write is refused", (parent) => {
  userSecret(parent);
  const folder = `${parent}/meshfactor-${USER}`;
  Deno.chmodSync(`${folder}/secret`, 0o644);
  throws(
    () => userSecret(parent),
    /secret is open to other users \(mode 100644\).*MESHFACTOR_SECRET/,
  );
  Deno.chmodSync(`${folder}/secret`, 0o600);
  Deno.chmodSync(folder, 0o755);
  throws(() => userSecret(parent), /meshfactor-\d+ is open to other users/);
});

userTest("a link in place of the folder or the file is refused", (parent) => {
  const elsewhere = `${parent}/elsewhere`;
  Deno.mkdirSync(elsewhere, { mode: 0o700 });
  Deno.symlinkSync(elsewhere, `${parent}/meshfactor-${USER}`);
  throws(() => userSecret(parent), /is of another kind/);
  Deno.removeSync(`${parent}/meshfactor-${USER}`);
  userSecret(parent);
  const file = `${parent}/meshfactor-${USER}/secret`;
  Deno.renameSync(file, `${elsewhere}/secret`);
  Deno.symlinkSync(`${elsewhere}/secret`, file);
  throws(() => userSecret(parent), /secret is of another kind/);
});

userTest("a file without a secret is refused", (parent) => {
  userSecret(parent);
  Deno.writeTextFileSync(`${parent}/meshfactor-${USER}/secret`, "");
  throws(() => userSecret(parent), /does not hold 64 hexadecimal digits: remove it/);
});

Deno.test({
  name: `a folder that another user made first is refused${isRoot ? "" : " [skipped: needs root]"}`,
  ignore: !isRoot,
  fn() {
    const parent = Deno.makeTempDirSync();
    Deno.mkdirSync(`${parent}/meshfactor-${USER}`, { mode: 0o700 });
    Deno.chownSync(`${parent}/meshfactor-${USER}`, 65534, 65534);
    throws(() => userSecret(parent), /belongs to user 65534, not 0/);
    Deno.removeSync(parent, { recursive: true });
  },
});

/** Registers a test with a folder of its own. */
function userTest(name: string, body: (parent: string) => void): void {
  Deno.test({
    name: USER === null ? `${name} [skipped: users have no numbers here]` : name,
    ignore: USER === null,
    fn() {
      const parent = Deno.makeTempDirSync();
      try {
        body(parent);
      } finally {
        Deno.removeSync(parent, { recursive: true });
      }
    },
  });
}
