import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeReadOnly, readOnlyPaths, visibleMounts } from '../../src/migrate/oci/mounts.js';

let root: string;
let inside: ChildProcess;
let pid: number;

/** A process in a mount namespace of its own, with two mounts that can be written to and one that cannot. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'roam mounts-'));
  for (const name of ['one', 'two', 'fixed']) await mkdir(join(root, name));
  const mounts = `cd "$1"; for m in one two fixed; do mount -t tmpfs -o nosuid,noatime m $m; done
    mount -o remount,bind,ro fixed; echo there; exec sleep 600`;
  inside = spawn('unshare', ['--mount', 'sh', '-ec', mounts, 'sh', root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(inside.stdout as NodeJS.ReadableStream, 'data');
  pid = inside.pid as number;
});

afterEach(async () => {
  inside.kill('SIGKILL');
  await once(inside, 'exit');
  await rm(root, { recursive: true });
});

const write = (name: string) =>
  execFileSync('nsenter', [`--mount=/proc/${pid}/ns/mnt`, 'touch', join(root, name, 'file')], {
    stdio: 'pipe',
  });

it('makes a mount of another namespace read-only, with what else it forbids, and no other', async () => {
  const one = join(root, 'one');
  write('one');
  expect(await readOnlyPaths(pid)).toContain(join(root, 'fixed'));
  await makeReadOnly(pid, [one, join(root, 'fixed'), join(root, 'not there')]);
  expect(() => write('one')).toThrow(/Read-only file system/);
  write('two');
  const table = execFileSync('cat', [`/proc/${pid}/mountinfo`], { encoding: 'utf8' });
  const options = visibleMounts(table).find(({ path }) => path === one)?.options;
  expect(options).toEqual(['ro', 'nosuid', 'noatime']);
  expect(await readOnlyPaths(pid)).toContain(one);
});

it('tells which mount is not to be had read-only', async () => {
  const holder = spawn(
    'nsenter',
    [`--mount=/proc/${pid}/ns/mnt`, 'sh', '-c', 'echo there; exec cat >"$1"', 'sh', join(root, 'one/held')],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  await once(holder.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, 200));
  await expect(makeReadOnly(pid, [join(root, 'one')])).rejects.toMatchObject({
    code: 'MOUNT_WRITABLE',
    message: expect.stringMatching(/roam mounts-\S*\/one of the container was mounted read-only .*busy/),
  });
  holder.stdin.end();
  await once(holder, 'exit');
});
