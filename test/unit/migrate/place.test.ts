import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeFiles } from '../../../src/migrate/agent/place.js';

describe('files that travel along', () => {
  let root: string;
  let target: (name: string) => string;
  let images: string;

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'roam-place-'));
    images = path.join(root, 'images');
    target = (name) => path.join(root, 'target', name);
    await mkdir(path.join(images, 'files', root, 'target'), { recursive: true });
    await mkdir(path.join(root, 'target'));
    await writeFile(path.join(images, 'files', target('one')), 'new one');
    await writeFile(target('one'), 'old one');
  });
  afterEach(() => rm(root, { recursive: true }));

  it('replace what was there, and give it back', async () => {
    const step = placeFiles(images, [target('one')], 'id');
    await step.run();
    expect(await readFile(target('one'), 'utf8')).toBe('new one');
    await step.undo();
    expect(await readFile(target('one'), 'utf8')).toBe('old one');
    expect(await readdir(path.join(root, 'target'))).toEqual(['one']);
  });

  it('leave no part behind when one of them does not arrive whole', async () => {
    const blocked = target('two.id.new');
    await mkdir(blocked);
    await writeFile(path.join(images, 'files', target('two')), 'new two');
    const step = placeFiles(images, [target('one'), target('two')], 'id');
    await expect(step.run()).rejects.toThrow();
    await rm(blocked, { recursive: true });
    await writeFile(blocked, 'cut off');
    await step.undo();
    expect(await readFile(target('one'), 'utf8')).toBe('old one');
    expect(await readdir(path.join(root, 'target'))).toEqual(['one']);
  });
});
