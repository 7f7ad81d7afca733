import { cp, mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { LabError } from '../../errors.js';
import { packageRoot } from '../../package-root.js';

/** Needed to build the addon, never at run time. */
const BUILD_ONLY = new Set(['node-gyp', 'node-addon-api']);

/** Copies this package as an installation has it: compiled files and its production dependencies. */
export async function stagePackage(target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const entry of ['package.json', 'dist', 'scripts'])
    await cp(path.join(packageRoot, entry), path.join(target, entry), { recursive: true });
  for (const dir of await productionModules()) {
    const inside = path.relative(packageRoot, dir);
    // A dependency that was hoisted out of the package goes back into it.
    const to = inside.startsWith('..') ? dir.slice(dir.lastIndexOf('node_modules/')) : inside;
    await cp(dir, path.join(target, to), {
      recursive: true,
      dereference: true,
      filter: (file) => !/\.(map|md|d\.[cm]?ts)$/.test(file),
    });
  }
}

/** Directories of the packages that this one needs at run time. */
async function productionModules(): Promise<Set<string>> {
  const found = new Set<string>();
  const visit = async (from: string): Promise<void> => {
    const manifest = JSON.parse(await readFile(path.join(from, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      if (BUILD_ONLY.has(name)) continue;
      const dir = await lookUp(from, name);
      if (!dir || found.has(dir)) continue;
      found.add(dir);
      await visit(dir);
    }
  };
  await visit(path.resolve(packageRoot));
  return found;
}

/** The node_modules directory in which this package finds `name`: another project's where it is installed there. */
export async function modulesWith(name: string): Promise<string> {
  const dir = await lookUp(path.resolve(packageRoot), name);
  if (dir === undefined)
    throw new LabError(`the npm package ${name} is not installed`, {
      code: 'LAB_BUILD',
      remedy: 'run `npm ci` (a checkout), or install roam-rdma again',
    });
  return dir.slice(0, -name.length - 1);
}

/** Node's lookup: the nearest node_modules on the way up. */
async function lookUp(from: string, name: string): Promise<string | undefined> {
  for (let dir = from; ; dir = path.dirname(dir)) {
    const candidate = path.join(dir, 'node_modules', name);
    if (await stat(path.join(candidate, 'package.json')).catch(() => undefined)) return candidate;
    if (dir === path.dirname(dir)) return undefined;
  }
}
