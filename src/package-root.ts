import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Directory of the checkout or installed package: what holds package.json, src and native.
 * Looked up, because the compiled files and the bundle of the command lie at different depths.
 */
export const packageRoot = (() => {
  for (let dir = path.dirname(fileURLToPath(import.meta.url)); ; dir = path.dirname(dir))
    if (existsSync(path.join(dir, 'package.json')) || dir === path.dirname(dir)) return dir;
})();

/** File of a program that is started as a process of its own. */
export const programFile = (name: 'lab/supervisor' | 'lab/exec-main'): string =>
  path.join(packageRoot, 'dist', `${name}.js`);

/** The `roam` command. */
export const commandFile = path.join(packageRoot, 'scripts', 'roam.mjs');
