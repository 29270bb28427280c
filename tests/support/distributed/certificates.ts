// Real certificates for tests, made by openssl: an authority, and certificates for 127.0.0.1 that it signed.

import type { TlsIdentity } from "../../../src/distributed/wire/tls.ts";

/** The reason why certificates cannot be made here; undefined if they can. */
export async function opensslMissing(): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command("openssl", { args: ["version"], stdout: "null" })
      .output();
    return success ? undefined : "openssl does not run";
  } catch {
    return "openssl is not installed";
  }
}

/** What is special about a certificate. */
export interface CertificateOptions {
  /** Days that it is valid for; negative if it has expired. Default: 2. */
  readonly days?: number;
  /** What it may be used for. Default: `serverAuth,clientAuth`. */
  readonly usage?: string;
}

/** A certificate for 127.0.0.1 and its key, signed by a new authority. */
export async function makeIdentity(options: CertificateOptions = {}): Promise<TlsIdentity> {
  const { days = 2, usage = "serverAuth,clientAuth" } = options;
  const folder = await Deno.makeTempDir();
  const file = (name: string) => `${folder}/${name}`;
  try {
    await Deno.writeTextFile(
      file("extensions"),
      `subjectAltName=IP:127.0.0.1\nextendedKeyUsage=${usage}\n`,
    );
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await openssl([
      ...["req", "-x509", ...newKey, "-days", "2", "-subj", "/CN=authority"],
      ...["-addext", "basicConstraints=critical,CA:TRUE"],
      ...["-keyout", file("ca.key"), "-out", file("ca.pem")],
    ]);
    await openssl([
      ...["req", ...newKey, "-subj", "/CN=rank"],
      ...["-keyout", file("rank.key"), "-out", file("rank.csr")],
    ]);
    await openssl([
      ...[
        "x509",
        "-req",
        "-in",
        file("rank.csr"),
        "-days",
        String(days),
        "-extfile",
        file("extensions"),
      ],
      ...["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial"],
      ...["-out", file("rank.pem")],
    ]);
    const [cert, key, ca] = await Promise.all(
      ["rank.pem", "rank.key", "ca.pem"].map((name) => Deno.readTextFile(file(name))),
    );
    return { cert, key, ca };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args: [...args] }).output();
  if (!success) throw new Error(`openssl ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}
