#!/usr/bin/env node
// npm run deb: makes the Debian packages of module and plugin, in the lab's Debian tree. They go to build/deb.
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ensureBase } from '../dist/lab/image/base.js';
import { buildInTree } from '../dist/lab/image/chroot.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}build/deb`;
if (process.argv.includes('--help')) {
  process.stdout.write(
    'usage: npm run deb\n\nMakes the Debian packages of module and plugin in build/deb.\n',
  );
  process.exit(0);
}
try {
  const base = await ensureBase('stable', (message) => process.stderr.write(`${message}\n`));
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const { all } = await buildInTree({
    tree: base.tree,
    src: root,
    modules: `${root}node_modules`,
    out,
    linuxSource: base.linuxSource,
    command: ['sh', '/mnt/src/scripts/deb.sh', '/mnt/out'],
  });
  process.stdout.write(`${all.replaceAll('/mnt/out', out)}\n`);
} catch (error) {
  process.stderr.write(`roam: ${error.all ?? error.message}\n${error.remedy ? `${error.remedy}\n` : ''}`);
  process.exitCode = 1;
}
