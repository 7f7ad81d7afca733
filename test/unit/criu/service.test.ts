import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Criu, CriuError } from '../../../src/criu/index.js';

const directory = mkdtempSync(join(tmpdir(), 'roam-service-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** A service that reads one request and answers with `reply`, or hangs up. */
async function service(name: string, reply?: readonly number[]) {
  const path = join(directory, name);
  const answer = reply ? `c.send(bytes(${JSON.stringify(reply)}))` : 'pass';
  const program = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1]); s.listen(1); print('ready', flush=True)
c, _ = s.accept(); c.recv(65536); ${answer}; c.close()`;
  const child = spawn('python3', ['-c', program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return { path, ended: once(child, 'exit') };
}

describe('Criu.connect', () => {
  it('says where no service answers', () => {
    const path = join(directory, 'nobody');
    expect(() => Criu.connect(path)).toThrow(CriuError);
    expect(() => Criu.connect(path)).toThrow(`no CRIU service answers at ${path}`);
    expect(() => Criu.connect('/x'.repeat(80))).toThrow(/ENAMETOOLONG|name too long/i);
  });

  it('gives what the service answers', async () => {
    // type VERSION, success, version {5, 6, sublevel 7}
    const { path, ended } = await service('good', [8, 11, 16, 1, 82, 6, 8, 5, 16, 6, 32, 7]);
    const criu = Criu.connect(path);
    expect(criu.pid).toBeUndefined();
    expect(await criu.version()).toMatchObject({ major: 5, minor: 6, sublevel: 7 });
    await ended;
  });

  it('says that the service hung up', async () => {
    const { path, ended } = await service('deaf');
    await expect(Criu.connect(path).dump({ pid: 1, imagesDir: directory })).rejects.toMatchObject({
      code: 'CRIU_DIED',
      message: 'CRIU dump failed: CRIU hung up without an answer',
    });
    await ended;
  });

  it('refuses what only a CRIU of its own can have', async () => {
    const { path, ended } = await service('picky');
    const criu = Criu.connect(path);
    expect(() => criu.pages).toThrow(/Criu.swrk/);
    expect(() => criu.childFd(1)).toThrow(/Criu.swrk/);
    await expect(
      criu.restore({ imagesDir: directory, rstSibling: true, inheritFd: [{ key: 'a', fd: 1 }] }),
    ).rejects.toMatchObject({
      code: 'CRIU_BAD_OPTIONS',
      message: 'CRIU restore: a CRIU service takes no inheritFd, rstSibling',
    });
    await ended;
  });
});
