import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimFile, writeBundle, writeReport } from '../../../src/cli/report-file.js';
import { hostLogs } from '../../../src/migrate/agent/host-logs.js';
import { run } from '../../../src/migrate/run.js';
import type { Outcome } from '../../../src/report/types.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'roam-test-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function outcome(): Promise<Outcome> {
  const file = new URL('../../fixtures/report/failed.json', import.meta.url);
  return JSON.parse(await readFile(file, 'utf8')).outcome;
}

describe('files that a migration leaves', () => {
  it('are refused before it begins when they cannot be written', async () => {
    await expect(claimFile(path.join(dir, 'no/such/file'))).rejects.toMatchObject({
      code: 'FILE_NOT_WRITABLE',
      remedy: expect.stringContaining('nothing was begun'),
    });
  });

  it('are a page', async () => {
    const file = path.join(dir, 'move.html');
    await claimFile(file);
    await writeReport(file, await outcome());
    expect(await readFile(file, 'utf8')).toMatch(/^<!doctype html>[\s\S]*Wrote only 5120/);
  });

  it('are a bundle that only its owner reads, even where a file with other rights was', async () => {
    const file = path.join(dir, 'move.tgz');
    await writeFile(file, 'old', { mode: 0o644 });
    await claimFile(file, 0o600);
    await writeBundle(file, await outcome(), [{ name: 'source/images/dump.log', text: 'a line\n' }]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const names = (await run('tar', ['-tzf', file]))
      .split('\n')
      .filter((name) => name && !name.endsWith('/'));
    expect(names.sort()).toEqual(
      ['report.html', 'report.json', 'report.txt', 'source/images/dump.log'].map(
        (name) => `roam-support/${name}`,
      ),
    );
    expect(await run('tar', ['-xzOf', file, 'roam-support/source/images/dump.log'])).toBe('a line\n');
  });
});

describe('logs of a host', () => {
  it('are logs of CRIU, and nothing that holds memory or is the application’s', async () => {
    const files = [
      'images/dump.log',
      'images.1/dump.log',
      'images/pages-1.img',
      'images/core-7.img',
      'files/app.log',
    ];
    for (const name of files) {
      await run('mkdir', ['-p', path.dirname(path.join(dir, name))]);
      await writeFile(path.join(dir, name), name.endsWith('.log') ? 'said\n' : 'secret');
    }
    await writeFile(path.join(dir, 'images/restore.log'), `first\n${'x'.repeat(5 * 1024 * 1024)}\nlast\n`);
    const logs = await hostLogs({ dir, id: 'roam-none' });
    expect(logs.map(({ name }) => name).sort()).toEqual([
      'dmesg.log',
      'images.1/dump.log',
      'images/dump.log',
      'images/restore.log',
    ]);
    const long = logs.find(({ name }) => name === 'images/restore.log')?.text ?? '';
    expect(long).toMatch(/^first\n[\s\S]*bytes left out[\s\S]*\nlast\n$/);
    expect(long.length).toBeLessThan(4.1 * 1024 * 1024);
    expect((await hostLogs({})).map(({ name }) => name)).toEqual(['dmesg.log']);
  });
});
