// Checks a rank's certificate, key and authority before anything listens or connects: what a handshake would only end with.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { TlsIdentity } from "./tls.ts";

/**
 * Refuses an identity with which no other rank could connect.
 *
 * @throws {TypeError} that names the file by its variable, and what is wrong with it: it is not PEM, the key is of another
 * certificate, the authority has not signed it, it is not valid now, or not for `address`.
 */
export function requireIdentity(
  { cert, key, ca }: TlsIdentity,
  { now, address }: {
    readonly now: Date;
    /** Where others reach this rank; undefined if that is not known yet. */
    readonly address: string | undefined;
  },
): void {
  const [own, ...others] = certificates(cert, CERT);
  const authorities = certificates(ca, CA);
  if (!own.checkPrivateKey(privateKey(key))) {
    throw new TypeError(
      `The key (${KEY}) is not that of the certificate of ${
        nameOf(own)
      } (${CERT}): give the two that belong together`,
    );
  }
  for (const each of chainOf(own, { others, authorities })) requireValid(each, now);
  if (address !== undefined) requireNames(own, address);
}

function certificates(pem: string, variable: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new TypeError(`${variable} holds no certificate in PEM format`);
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new TypeError(`${variable} holds a certificate that cannot be read: ${cause}`, {
        cause,
      });
    }
  });
}

function privateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new TypeError(`${KEY} holds no private key in PEM format without a password: ${cause}`, {
      cause,
    });
  }
}

/** The certificate and those that vouch for it, up to the authority. */
function chainOf(
  own: X509Certificate,
  { others, authorities }: {
    readonly others: readonly X509Certificate[];
    readonly authorities: readonly X509Certificate[];
  },
): readonly X509Certificate[] {
  const chain = [own];
  const isIn = (each: X509Certificate, list: readonly X509Certificate[]) =>
    list.some(({ fingerprint256 }) => fingerprint256 === each.fingerprint256);
  for (let last = own; !isIn(last, authorities); chain.push(last)) {
    const signer = [...authorities, ...others].find((each) =>
      !isIn(each, chain) && last.checkIssued(each) && last.verify(each.publicKey)
    );
    if (signer === undefined) {
      throw new TypeError(
        `The certificate of ${
          nameOf(last)
        } (${CERT}) is not signed by an authority of this rank (${CA}, which holds ` +
          `${authorities.map(nameOf).join(", ")})`,
      );
    }
    last = signer;
  }
  return chain;
}

function requireValid(certificate: X509Certificate, now: Date): void {
  const [from, to] = [certificate.validFrom, certificate.validTo];
  const which = `The certificate of ${nameOf(certificate)} (${CERT})`;
  if (now > new Date(to)) throw new TypeError(`${which} has expired on ${to}: make a new one`);
  if (now < new Date(from)) {
    throw new TypeError(`${which} is valid from ${from} on, and it is ${now.toUTCString()} here`);
  }
}

function requireNames(certificate: X509Certificate, address: string): void {
  const isNumber = /^[\d.]+$/.test(address) || address.includes(":");
  const match = isNumber ? certificate.checkIP(address) : certificate.checkHost(address);
  if (match !== undefined && certificate.subjectAltName !== undefined) return;
  throw new TypeError(
    `The certificate of ${
      nameOf(certificate)
    } (${CERT}) is not valid for ${address}, where others reach this rank, but for ` +
      `${certificate.subjectAltName ?? "no address (it has no subjectAltName)"}`,
  );
}

function nameOf({ subject }: X509Certificate): string {
  return subject.replaceAll("\n", ", ");
}

const CERT = "MESHFACTOR_TLS_CERT";
const KEY = "MESHFACTOR_TLS_KEY";
const CA = "MESHFACTOR_TLS_CA";
