import { chmod } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { wayBack } from '../../../src/migrate/agent/lost.js';
import { parseEndpoint, parseTls, tlsName } from '../../../src/migrate/tls/address.js';
import { readIdentity } from '../../../src/migrate/tls/identity.js';
import { AGENT_ORIGIN } from '../../../src/migrate/tls/way-back.js';
import type { InspectOptions } from '../../../src/migrate/types.js';
import { wayOf } from '../../../src/migrate/way.js';
import { filesOf, keyOf, useCertificates } from './certificates.js';

useCertificates();

describe('keys and certificates', () => {
  it('are refused when others may read the key, or it is another one', async () => {
    await expect(readIdentity({ ...filesOf('a', 'b'), key: keyOf('c') })).rejects.toMatchObject({
      code: 'TLS_FILE',
      message: expect.stringContaining('is not the key of'),
    });
    await chmod(keyOf('c'), 0o640);
    await expect(readIdentity(filesOf('c', 'b'))).rejects.toThrow('others than its owner may read');
    await chmod(keyOf('c'), 0o600);
    await expect(readIdentity({ ...filesOf('a'), peerCerts: [keyOf('b')] })).rejects.toThrow(
      'is no certificate',
    );
    await expect(readIdentity({ ...filesOf('a'), cert: '/nowhere' })).rejects.toThrow(
      'cannot be read (ENOENT)',
    );
  });

  it('are known to a journal by their paths alone', async () => {
    process.env[AGENT_ORIGIN] = JSON.stringify({
      host: '::ffff:10.77.0.1',
      port: 7411,
      tls: filesOf('b', 'a'),
    });
    try {
      const other = wayBack({ hostname: 'a' } as never, 'criu');
      expect(other).toMatchObject({ hosts: ['tls://10.77.0.1:7411'], tls: filesOf('b', 'a') });
      expect(JSON.stringify(other)).not.toContain('PRIVATE');
    } finally {
      delete process.env[AGENT_ORIGIN];
    }
  });
});

describe('an address of TLS', () => {
  it('has a port', () => {
    expect(parseTls('tls://b:7411')).toEqual({ host: 'b', port: 7411 });
    expect(parseTls('tls://[fe80::1]:7411')).toEqual({ host: 'fe80::1', port: 7411 });
    expect(tlsName({ host: 'fe80::1', port: 1 })).toBe('tls://[fe80::1]:1');
    for (const wrong of ['b', 'b:', 'b:70000', ':7411', 'a:b:7411', 'b:7411/x'])
      expect(() => parseEndpoint(wrong), wrong).toThrow('is no address with a port');
  });

  it('needs certificates, and nothing that goes by ssh', () => {
    const options: InspectOptions = { target: 'pid:1', to: 'tls://b:7411', tls: filesOf('a', 'b') };
    expect(wayOf(options)).toMatchObject({ host: 'tls://b:7411', tls: filesOf('a', 'b') });
    const { tls, ...bare } = options;
    expect(() => wayOf(bare)).toThrow('needs --cert, --key and --peer-cert');
    expect(() => wayOf({ ...options, sync: ['/srv'] })).toThrow('--sync goes by rsync over ssh');
    expect(() => wayOf({ ...options, to: 'b' })).toThrow('b is an ssh destination');
    expect(wayOf({ ...bare, to: 'b' })).toEqual({ host: 'b', ssh: ['ssh'], roam: ['roam'], criu: 'criu' });
  });
});
