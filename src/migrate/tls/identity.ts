// Who this host is to the others, and whom it knows: certificates that are pinned, one by one.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { RoamError } from '../../errors.js';

/** Paths of PEM files. */
export interface TlsFiles {
  cert: string;
  key: string;
  /** One certificate each, of the hosts that are trusted. */
  peerCerts: string[];
}

export interface Identity {
  cert: string;
  key: string;
  /** SHA-256 of certificates, as Node writes them: `AB:CD:…`. */
  fingerprint: string;
  peers: Set<string>;
}

const fail = (path: string, what: string, remedy: string, cause?: unknown) =>
  new RoamError('TLS_FILE', `${path}: ${what}`, { remedy, ...(cause ? { cause } : {}) });

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw fail(path, `cannot be read (${cause.code})`, 'docs/access.md says how to make it', cause);
  });
}

async function certificate(path: string): Promise<{ pem: string; x509: X509Certificate }> {
  const pem = await read(path);
  try {
    return { pem, x509: new X509Certificate(pem) };
  } catch (cause) {
    throw fail(path, 'is no certificate in PEM form', 'make one with openssl req -x509', cause);
  }
}

/** Fingerprints of the certificates. @throws RoamError TLS_FILE */
export async function fingerprints(paths: string[]): Promise<Set<string>> {
  const found = await Promise.all(paths.map(certificate));
  return new Set(found.map(({ x509 }) => x509.fingerprint256));
}

/**
 * Reads and checks the files.
 *
 * @throws RoamError TLS_FILE when one cannot be read, the key is not that of the certificate, or others may read it
 */
export async function readIdentity({ cert, key, peerCerts }: TlsFiles): Promise<Identity> {
  const { pem, x509 } = await certificate(cert);
  const secret = await read(key);
  if (((await stat(key)).mode & 0o077) !== 0)
    throw fail(key, 'others than its owner may read this key', `chmod 600 ${key}`);
  try {
    if (!x509.checkPrivateKey(createPrivateKey(secret))) throw new Error('another key');
  } catch (cause) {
    throw fail(key, `is not the key of ${cert}`, 'name the two files that were made together', cause);
  }
  const peers = await fingerprints(peerCerts);
  return { cert: pem, key: secret, fingerprint: x509.fingerprint256, peers };
}

/** What is wrong with the certificate that the other end has shown; undefined: it is one of `peers`. */
export function unpinned(fingerprint: string | undefined, peers: Set<string>): string | undefined {
  if (!fingerprint) return 'it shows no certificate';
  if (!peers.has(fingerprint)) return `its certificate (SHA-256 ${fingerprint}) is not one of --peer-cert`;
  return undefined;
}
