import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { RoamError } from './errors.js';
import { packageRoot } from './package-root.js';

const require = createRequire(import.meta.url);

const purposes = {
  roam_sys: 'CRIU cannot be driven without it',
  roam_verbs: 'RDMA devices and QPs cannot be reached without it',
} as const;

/**
 * Loads one of the package's native addons.
 *
 * `ROAM_NATIVE_DIR` names another directory to load from, such as that of a sanitizer build.
 *
 * @throws {RoamError} `ADDON_NOT_BUILT` when there is no such file, `ADDON_NOT_LOADABLE` when the
 * dynamic linker refuses it, for instance because libibverbs is not installed.
 */
export function loadAddon<T>(name: keyof typeof purposes): T {
  const file = join(process.env.ROAM_NATIVE_DIR ?? join(packageRoot, 'build', 'Release'), `${name}.node`);
  if (!existsSync(file)) {
    throw new RoamError('ADDON_NOT_BUILT', `the addon ${name} is not built (no ${file}); ${purposes[name]}`, {
      remedy:
        name === 'roam_verbs'
          ? 'install the headers of libibverbs (Debian: libibverbs-dev), then run `npm run install`'
          : 'run `npm run install` in the package (it needs make, a C++17 compiler and python3)',
    });
  }
  try {
    return require(file) as T;
  } catch (cause) {
    throw new RoamError(
      'ADDON_NOT_LOADABLE',
      `the addon ${name} cannot be loaded: ${(cause as Error).message.split('\n')[0]}; ${purposes[name]}`,
      {
        cause,
        remedy:
          name === 'roam_verbs'
            ? 'install libibverbs (Debian: libibverbs1 and ibverbs-providers)'
            : 'build it again for this system: `npm run install`',
      },
    );
  }
}
