import { mkdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LabError } from '../../errors.js';
import { packageRoot } from '../../package-root.js';
import { cacheDir, hashInputs } from '../cache.js';
import type { BaseImage } from './base.js';
import { buildInTree, LINUX_SOURCE, MODULES, OUT, SRC } from './chroot.js';
import { modulesWith } from './package.js';

/** A part of the payload that is compiled in the Debian tree. */
export interface Component {
  name: string;
  /** Directory on the payload disk that its results go to. */
  target: string;
  /** Its sources, relative to the package: all that a rebuild depends on. */
  inputs: string[];
  /** Shell script; runs with $SRC, $MODULES, $OUT, $KERNEL and $LINUX_SOURCE. */
  script: string;
  /** File without which the sources are not there. */
  needs: string;
}

const ADDON_INPUTS = [
  'binding.gyp',
  'package.json',
  'native/sys',
  'native/util',
  'native/verbs',
  'native/rdmacm',
  'native/rxe-client',
  'native/include',
];
const BUILD_ADDON = `mkdir /tmp/pkg && cd /tmp/pkg &&
      cp -r $SRC/native $SRC/binding.gyp $SRC/package.json . &&
      ln -s $MODULES node_modules &&
      node node_modules/node-gyp/bin/node-gyp.js rebuild --nodedir=/usr --jobs=2 &&
      cp build/Release/*.node $OUT/`;

const ALL: Component[] = [
  {
    name: 'agent',
    target: 'guest',
    inputs: ['src/lab/guest/agent.c', 'src/lab/guest/tsc-khz.c'],
    needs: 'src/lab/guest/agent.c',
    script:
      'for p in agent tsc-khz; do gcc -O2 -Wall -Wextra -static -o $OUT/$p $SRC/src/lab/guest/$p.c; done',
  },
  {
    name: 'module',
    target: 'module',
    inputs: ['native/rxe', 'native/include'],
    needs: 'native/rxe/build.sh',
    script: 'sh $SRC/native/rxe/build.sh $LINUX_SOURCE $KERNEL $OUT && test -f $OUT/rdma_rxe.ko',
  },
  {
    name: 'plugin',
    target: 'plugin',
    inputs: ['native/criu-plugin', 'native/rxe-client', 'native/include'],
    needs: 'native/criu-plugin/Makefile',
    // A copy: make may leave objects beside its sources.
    script:
      'cp -r $SRC/native /tmp/native && make -C /tmp/native/criu-plugin OUT=$OUT && test -f $OUT/roam_rdma_plugin.so',
  },
  {
    name: 'workloads',
    target: 'workloads',
    inputs: ['test/workloads', 'native/include', 'native/rxe-client'],
    needs: 'test/workloads/Makefile',
    script:
      'mkdir -p /tmp/test && cp -r $SRC/native /tmp/native && cp -r $SRC/test/workloads /tmp/test/workloads && make -C /tmp/test/workloads OUT=$OUT',
  },
  {
    name: 'addon',
    target: 'package/build/Release',
    inputs: ADDON_INPUTS,
    needs: 'binding.gyp',
    script: BUILD_ADDON,
  },
  {
    // For the tests, which load them with ROAM_NATIVE_DIR.
    name: 'sanitized',
    target: 'sanitized',
    inputs: ADDON_INPUTS,
    needs: 'test/lab/sanitized.lab.test.ts',
    script: `sanitize='-fsanitize=address,undefined'
      export CFLAGS="$sanitize -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1"
      export CXXFLAGS="$CFLAGS" LDFLAGS="$sanitize" && ${BUILD_ADDON}`,
  },
];

/**
 * The parts whose sources are in this checkout. `ROAM_LAB_WITHOUT=addon,plugin` leaves parts out:
 * for work on one part while another does not build.
 */
export async function components(): Promise<Component[]> {
  const without = (process.env.ROAM_LAB_WITHOUT ?? '').split(',');
  const there = await Promise.all(
    ALL.map((part) =>
      stat(path.join(packageRoot, part.needs)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return ALL.filter((part, index) => there[index] && !without.includes(part.name));
}

/** Gives the directory with the part's results, and builds it when its sources changed. */
export async function buildComponent(
  part: Component,
  base: BaseImage,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  const id = await hashInputs(
    [part.script, path.basename(base.dir)],
    part.inputs.map((input) => path.join(packageRoot, input)),
  );
  const dir = path.join(cacheDir(), `part-${part.name}-${id}`);
  if (await stat(dir).catch(() => undefined)) {
    await utimes(dir, new Date(), new Date());
    return dir;
  }
  onProgress(`guest image: building ${part.name}`);
  const scratch = `${dir}.new`;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const log = path.join(cacheDir(), `build-${part.name}.log`);
  const prelude = `set -e; SRC=${SRC} MODULES=${MODULES} OUT=${OUT} KERNEL=${base.kernel} LINUX_SOURCE=${LINUX_SOURCE}; `;
  try {
    const { all } = await buildInTree({
      tree: base.tree,
      src: packageRoot,
      modules: await modulesWith('node-gyp'),
      out: scratch,
      linuxSource: base.linuxSource,
      signal,
      command: ['sh', '-c', prelude + part.script],
    });
    await writeFile(log, all ?? '');
  } catch (error) {
    const text = String((error as { all?: string }).all ?? error);
    await writeFile(log, text);
    await rm(scratch, { recursive: true, force: true });
    throw new LabError(`building ${part.name} for the guest failed:\n${relevant(text)}`, {
      code: 'LAB_BUILD',
      remedy: `the whole log is ${log}`,
      cause: error,
    });
  }
  await rename(scratch, dir);
  return dir;
}

/** The lines that say why: compiler errors when there are any, else the end. */
function relevant(log: string): string {
  const lines = log.split('\n');
  const errors = lines.filter((line) =>
    /\berror\b|FAILED|does not apply|undefined reference|No rule/i.test(line),
  );
  return (errors.length > 0 ? errors.slice(0, 8) : lines.slice(-8)).join('\n');
}
