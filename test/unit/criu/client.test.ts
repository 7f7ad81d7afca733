import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isFieldSet } from '@bufbuild/protobuf';
import { afterAll, describe, expect, it } from 'vitest';
import { Criu, criu_optsSchema } from '../../../src/criu/index.js';
import { prepareOptions } from '../../../src/criu/options.js';
import { CriuError } from '../../../src/errors.js';

const directory = mkdtempSync(join(tmpdir(), 'roam-client-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('Criu with a program that is not CRIU', () => {
  it('says that it cannot be run', async () => {
    const failure = Criu.swrk({ path: '/no/such/criu' });
    await expect(failure).rejects.toMatchObject({ name: 'CriuError', code: 'CRIU_NOT_RUNNABLE' });
    await expect(failure).rejects.toHaveProperty('remedy', expect.stringContaining('install CRIU'));
  });

  it('says how the program ended when it ends without an answer', async () => {
    const criu = await Criu.swrk({ path: '/bin/false' });
    const error = await criu.dump({ pid: 1, imagesDir: directory }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CriuError);
    expect(error).toMatchObject({ code: 'CRIU_DIED', type: 'DUMP' });
    expect(error).not.toHaveProperty('stage');
    expect((error as Error).message).toBe('CRIU dump failed: CRIU ended with exit code 1 without an answer');
  });

  it('names the signal that killed it, and quotes what it said', async () => {
    const criu = await Criu.swrk({
      via: ['sh', '-c', 'echo "Error (a.c:1): out of luck" >&2; kill -KILL $$'],
    });
    await expect(criu.preDump({ pid: 1, imagesDir: directory })).rejects.toThrow(
      'CRIU pre-dump failed: CRIU was killed by SIGKILL without an answer: out of luck',
    );
  });

  it('serves one request only', async () => {
    const criu = await Criu.swrk({ path: '/bin/true' });
    await expect(criu.version()).rejects.toMatchObject({ code: 'CRIU_DIED' });
    await expect(criu.version()).rejects.toMatchObject({ code: 'CRIU_USED' });
  });

  it('ends a process that waits for its request when it is closed', async () => {
    // Reads descriptor 3 until its end, as CRIU does.
    const criu = await Criu.swrk({ via: ['sh', '-c', 'cat <&3 >/dev/null'] });
    const { pid } = criu;
    process.kill(pid, 0);
    await criu.close();
    await criu.close();
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  it('numbers the inherited descriptors as the child sees them', async () => {
    await using criu = await Criu.swrk({ via: ['sh', '-c', 'cat <&3 >/dev/null'], inheritFds: [1, 2] });
    expect([criu.childFd(1), criu.childFd(2)]).toEqual([4, 5]);
    expect(() => criu.childFd(77)).toThrow(RangeError);
  });
});

describe('prepareOptions', () => {
  it('sends a directory as a descriptor and asks for notifications', async () => {
    const { opts, release } = await prepareOptions('DUMP', { imagesDir: directory, pid: 3 });
    expect(opts.imagesDirFd).toBeGreaterThan(2);
    expect(opts.imagesDir).toBe('');
    expect(opts.notifyScripts).toBe(true);
    expect(isFieldSet(opts, criu_optsSchema.field.workDirFd)).toBe(false);
    await release();
  });

  it('leaves a descriptor of the caller alone', async () => {
    const { opts, workDirectory } = await prepareOptions('DUMP', {
      imagesDirFd: 0,
      workDirFd: 5,
      notifyScripts: false,
    });
    expect(opts).toMatchObject({ imagesDirFd: 0, workDirFd: 5, notifyScripts: false });
    expect(workDirectory).toBe('/proc/self/fd/5');
  });

  it('refuses what CRIU would refuse less clearly', async () => {
    await expect(prepareOptions('DUMP', {})).rejects.toMatchObject({ code: 'CRIU_BAD_OPTIONS' });
    await expect(prepareOptions('DUMP', { imagesDirFd: -1 })).rejects.toMatchObject({
      code: 'CRIU_BAD_OPTIONS',
    });
    await expect(prepareOptions('DUMP', { imagesDir: '/nowhere' })).rejects.toThrow(/\/nowhere/);
    await expect(prepareOptions('DUMP', { imagesDirFd: 3, logFile: 'a/b' })).rejects.toThrow(
      /bare file name/,
    );
  });
});
