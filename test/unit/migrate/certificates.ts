import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { TlsFiles } from '../../../src/migrate/tls/identity.js';

/** Of the file's tests; gone with them. */
export const dir = mkdtempSync(join(tmpdir(), 'roam-tls-'));

export const certOf = (name: string) => join(dir, `${name}.crt`);
export const keyOf = (name: string) => join(dir, `${name}.key`);
export const filesOf = (name: string, ...peers: string[]): TlsFiles => ({
  cert: certOf(name),
  key: keyOf(name),
  peerCerts: peers.map(certOf),
});

/** Those of a, b, c and a stranger. */
export function useCertificates(): void {
  beforeAll(() => {
    // The line of docs/access.md.
    for (const name of ['a', 'b', 'c', 'stranger'])
      execFileSync(
        'openssl',
        `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=${name} -keyout ${keyOf(name)} -out ${certOf(name)}`.split(
          ' ',
        ),
        { stdio: 'ignore' },
      );
  });
  afterAll(() => rm(dir, { recursive: true }));
}
