import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { RoamError } from './errors.js';
import { packageRoot } from './package-root.js';

const require = createRequire(import.meta.url);

const purposes = {
  roam_sys: 'CRIU cannot be driven without it',
  roam_verbs: 'RDMA devices and QPs cannot be reached without it',
  roam_rdmacm: 'rdma_cm connections cannot be made without it',
} as const;

const remedies: Record<keyof typeof purposes, { notBuilt: string; notLoadable: string }> = {
  roam_sys: {
    notBuilt: 'run `npm run rebuild` in the package (it needs make, a C++17 compiler and python3)',
    notLoadable: 'build it again for this system: `npm run rebuild`',
  },
  roam_verbs: {
    notBuilt: 'install the headers of libibverbs (Debian: libibverbs-dev), then run `npm run rebuild`',
    notLoadable: 'install libibverbs (Debian: libibverbs1 and ibverbs-providers)',
  },
  roam_rdmacm: {
    notBuilt: 'install the headers of librdmacm (Debian: librdmacm-dev), then run `npm run rebuild`',
    notLoadable: 'install librdmacm (Debian: librdmacm1)',
  },
};

/** What was built here goes before what came with the package. */
function directories(): string[] {
  if (process.env.ROAM_NATIVE_DIR !== undefined) return [process.env.ROAM_NATIVE_DIR];
  return [join(packageRoot, 'build', 'Release'), join(packageRoot, 'prebuilds', `linux-${process.arch}`)];
}

/**
 * Loads one of the package's native addons.
 *
 * `ROAM_NATIVE_DIR` names another directory to load from, such as that of a sanitizer build.
 *
 * @throws {RoamError} `ADDON_NOT_BUILT` when there is no such file, `ADDON_NOT_LOADABLE` when the
 * dynamic linker refuses it, for instance because libibverbs is not installed.
 */
export function loadAddon<T>(name: keyof typeof purposes): T {
  const places = directories().map((directory) => join(directory, `${name}.node`));
  const file = places.find((place) => existsSync(place));
  if (file === undefined) {
    throw new RoamError(
      'ADDON_NOT_BUILT',
      `the addon ${name} is not built (no ${places[0]}); ${purposes[name]}`,
      {
        remedy: remedies[name].notBuilt,
      },
    );
  }
  try {
    return require(file) as T;
  } catch (cause) {
    throw new RoamError(
      'ADDON_NOT_LOADABLE',
      `the addon ${name} cannot be loaded: ${(cause as Error).message.split('\n')[0]}; ${purposes[name]}`,
      {
        cause,
        remedy: remedies[name].notLoadable,
      },
    );
  }
}
