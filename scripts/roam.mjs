#!/usr/bin/env node
// The `roam` command. In a source checkout that has not been built it builds first.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ready = () =>
  existsSync(`${root}/dist/bin/main.js`) &&
  (!existsSync(`${root}/package-lock.json`) || existsSync(`${root}/node_modules`));

if (!ready()) {
  process.stderr.write('roam: this checkout is not built yet; running scripts/bootstrap.sh first\n');
  // Standard output belongs to the command.
  const { status } = spawnSync('sh', [`${root}/scripts/bootstrap.sh`], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
const { main } = await import('../dist/bin/main.js');
await main(process.argv);
