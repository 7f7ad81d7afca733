import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CriuLog, firstCriuError, lastLines } from '../../../src/criu/log.js';

describe('firstCriuError', () => {
  it.each([
    [
      "(00.012345) Error (criu/files-ext.c:98): Can't dump file 3 of that type (chr 231:192)",
      "Can't dump file 3 of that type (chr 231:192)",
    ],
    ['(00.5)    123: Error (criu/mem.c:1): pie: gone', 'pie: gone'],
    ["   77: Error (criu/cr-restore.c:1480): Can't fork", "Can't fork"],
    ['Error (criu/cr-service.c:411): no time here', 'no time here'],
    ['(100.000001) Error (x.c:1): after a hundred seconds', 'after a hundred seconds'],
  ])('%s', (line, message) => {
    expect(
      firstCriuError(`(00.000001) Warn  (a.c:1): not an Error (b)\n${line}\n(01.0) Error (z.c:9): later`),
    ).toBe(message);
  });

  it('finds nothing where there is nothing', () => {
    expect(firstCriuError('')).toBeUndefined();
    expect(firstCriuError('(00.1) all is well\n(00.2) Errors: none\n')).toBeUndefined();
  });

  it('prefers a real error to one that CRIU ignores', () => {
    const noise =
      "Error (criu/util.c:1533): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted";
    expect(firstCriuError(`${noise}\nError (criu/x.c:1): reason`)).toBe('reason');
    expect(firstCriuError(noise)).toMatch(/^rlimit/);
  });

  it('is not confused by whatever stands around it', () => {
    const noise = fc.array(fc.string().filter((line) => !/Error \(/.test(line) && !line.includes('\n')));
    fc.assert(
      fc.property(
        noise,
        noise,
        fc.stringMatching(/^[A-Za-z][A-Za-z ()':0-9]{0,40}[a-z]$/),
        (before, after, message) => {
          const log = [...before, `(00.1) Error (criu/a.c:1): ${message}`, ...after].join('\n');
          expect(firstCriuError(log)).toBe(message);
        },
      ),
    );
  });
});

it('lastLines keeps the end', () => {
  expect(lastLines('a\nb\nc\n', 2)).toBe('b\nc');
  expect(lastLines('a', 5)).toBe('a');
});

describe('CriuLog', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'roam-log-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('reads what was written since, and not what was there before', async () => {
    await writeFile(join(directory, 'criu.log'), 'Error (old.c:1): of another run\n');
    const log = await CriuLog.expect(directory);
    expect(await log.read()).toBe('');
    await writeFile(join(directory, 'criu.log'), 'Error (new.c:1): of this run\n');
    expect(firstCriuError(await log.read())).toBe('of this run');
  });

  it('keeps both ends of a very long log', async () => {
    const log = await CriuLog.expect(directory, 'd.log');
    const path = join(directory, 'd.log');
    await writeFile(path, 'Error (a.c:1): first\n');
    const filler = `${'x'.repeat(1023)}\n`.repeat(1024);
    for (let i = 0; i < 10; i++) await appendFile(path, filler);
    await appendFile(path, 'the end\n');
    const text = await log.read();
    expect(firstCriuError(text)).toBe('first');
    expect(lastLines(text, 1)).toBe('the end');
    expect(text.length).toBeLessThan(9 * 1024 * 1024);
  });
});
