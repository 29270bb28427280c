// The strength of secrets: 128 bits, counted by the alphabet that a secret is written in.

import { match, throws } from "node:assert/strict";
import {
  randomSecret,
  requireStrongSecret,
  WeakSecretError,
} from "../../../src/distributed/wire/secret.ts";

Deno.test("secrets of 128 bits are accepted in hex, base64 and as bytes", () => {
  requireStrongSecret("0123456789abcdef0123456789abcdef");
  requireStrongSecret("0123456789ABCDEF0123456789ABCDEF");
  requireStrongSecret("q83vEjRWeJCrze8SNFZ4kA==");
  requireStrongSecret("q83vEjRWeJCrze8SNFZ4kA");
  requireStrongSecret("seven wet horses");
  requireStrongSecret("größer als 16 B.");
  for (let i = 0; i < 100; i++) requireStrongSecret(randomSecret());
});

Deno.test("shorter secrets are refused with their length, the length needed, and a command that makes one", () => {
  const errors = [
    ["s", /1 letters and digits, but at least 22/],
    ["0123456789abcdef0123456789abcde", /31 hexadecimal digits, but at least 32/],
    ["q83vEjRWeJCrze8SNFZ4=", /20 letters and digits, but at least 22/],
    ["correcthorsebattery", /19 letters and digits, but at least 22/],
    ["our own secret!", /15 bytes, but at least 16/],
    ["00000000000000000000000000000000000000000000", /1 different characters/],
  ] as const;
  for (const [secret, text] of errors) {
    throws(() => requireStrongSecret(secret), WeakSecretError, secret);
    throws(() => requireStrongSecret(secret), text);
    throws(() => requireStrongSecret(secret), (error: Error) => {
      match(error.message, /openssl rand -hex 32.*MESHFACTOR_SECRET/);
      return !error.message.includes(secret) || secret.length < 2;
    });
  }
});
