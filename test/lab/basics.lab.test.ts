import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { node, script, sharedLab } from './support/lab.js';

const run = promisify(execFile);
const ROAM = path.resolve(import.meta.dirname, '../../scripts/roam.mjs');

describe('a lab node', () => {
  useSweptLab();

  it('gets argv as it was given', async () => {
    const argv = [
      'plain',
      'two words',
      '',
      '"quoted"',
      "it's",
      '$HOME',
      'a;b|c&d',
      '*',
      '\\',
      'line\nbreak',
      'ünï',
      '--',
      '-x',
    ];
    const program = 'import json, sys; print(json.dumps(sys.argv[1:]))';
    const { stdout } = await (await node('a')).exec(['python3', '-c', program, ...argv]);
    expect(JSON.parse(stdout)).toEqual(argv);
  });

  it('passes stdin, stdout, stderr and the exit code through', async () => {
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => i % 256));
    const argv = ['sh', '-c', 'sha256sum; echo oops >&2; exit 7'];
    const result = await (await node('b')).exec(argv, { stdin: bytes, reject: false });
    const { createHash } = await import('node:crypto');
    expect(result.stdout).toBe(`${createHash('sha256').update(bytes).digest('hex')}  -`);
    expect(result.stderr).toBe('oops');
    expect(result.exitCode).toBe(7);
  });

  it('tells a signal from an exit code, and names a command that is missing', async () => {
    const a = await node('a');
    expect((await a.exec(['sh', '-c', 'kill -9 $$'], { reject: false })).exitCode).toBe(128 + 9);
    await expect(a.exec(['no-such-program'])).rejects.toThrow(/no-such-program.*node a/);
  });

  it('copies files both ways unchanged', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'roam-copy-'));
    try {
      const source = path.join(dir, 'with space');
      await writeFile(source, Buffer.from([0, 1, 2, 255, 10, 13]), { mode: 0o640 });
      const a = await node('a');
      await a.push(source, '/root/copy of it');
      expect(await script('a', 'stat -c %a "/root/copy of it"')).toBe('640');
      await a.pull('/root/copy of it', path.join(dir, 'back'));
      expect(await readFile(path.join(dir, 'back'))).toEqual(await readFile(source));
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('reaches every other node by ssh, by name', async () => {
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ] as const)
      expect(await script(from, 'ssh "$1" hostname', [to])).toBe(to);
  });

  it('has an active rxe0 on eth0 and the roam command', async () => {
    for (const name of ['a', 'b', 'c'] as const) {
      expect(await script(name, 'rdma link show rxe0/1')).toMatch(/state ACTIVE .* netdev eth0/);
      expect(await script(name, 'roam --version')).toMatch(/^\d+\.\d+\.\d+/);
    }
  });
});

describe('roam lab', () => {
  useSweptLab();

  it('exec passes argv and the exit code through', async () => {
    const { name } = await sharedLab();
    const argv = [
      ROAM,
      'lab',
      'exec',
      '--name',
      name,
      'a',
      '--',
      'sh',
      '-c',
      'printf "%s|" "$@"; exit 3',
      'sh',
      'a b',
      '',
      '"',
    ];
    const failure = await run(process.execPath, argv).catch((error) => error);
    expect({ code: failure.code, stdout: failure.stdout }).toEqual({ code: 3, stdout: 'a b||"|' });
  });

  it('status --json tells the nodes and their modules', async () => {
    const { name } = await sharedLab();
    const { stdout } = await run(process.execPath, [ROAM, 'lab', 'status', '--name', name, '--json']);
    const text = JSON.stringify(JSON.parse(stdout));
    for (const ip of ['10.77.0.1', '10.77.0.2', '10.77.0.3']) expect(text).toContain(ip);
    expect(text).toContain('"module":"roam"');
  });
});
