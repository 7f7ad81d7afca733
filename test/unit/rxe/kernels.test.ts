import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const DIR = fileURLToPath(new URL('../../../native/rxe', import.meta.url));
const read = (name: string): string => readFileSync(`${DIR}/${name}`, 'utf8');
const patches = readdirSync(`${DIR}/patches`).filter((name) => name.endsWith('.patch'));
const kernels = read('patches/kernels')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'))
  .map((line) => line.split(' '));
const series = kernels.map(([name]) => name);

describe('the patch series', () => {
  it('lists each kernel with a release of it and a suite', () => {
    for (const [name, release, suite] of kernels) {
      expect(release).toMatch(new RegExp(`^${name?.replace('.', '\\.')}\\.\\d+$`));
      expect(suite).toMatch(/^[a-z-]+$/);
    }
    expect(new Set(series).size).toBe(series.length);
  });

  it('is for kernels of that list alone, and each variant of a patch for all of them', () => {
    const variants = new Map<string, string[]>();
    for (const name of patches) {
      const only = /^Applies-to: (.*)$/m.exec(read(`patches/${name}`))?.[1]?.split(' ') ?? series;
      for (const one of only) expect(series, name).toContain(one);
      const number = name.slice(0, 4);
      variants.set(number, [...(variants.get(number) ?? []), ...(only as string[])]);
    }
    for (const [number, all] of variants) expect(all.sort(), number).toEqual([...series].sort());
  });

  it('has our own files linked into the module, all of them', () => {
    const linked = [...read('patches/0101-hook-lifetimes.patch').matchAll(/(rxe_migrate\w*)\.o/g)];
    const own = readdirSync(DIR).filter((name) => name.endsWith('.c'));
    expect(linked.map(([, name]) => `${name}.c`).sort()).toEqual(own.sort());
  });

  it('is built by DKMS for those kernels, under the version of the package', () => {
    const conf = read('dkms.conf');
    const { version } = JSON.parse(readFileSync(`${DIR}/../../package.json`, 'utf8'));
    expect(conf).toContain(`PACKAGE_VERSION="${version}"`);
    expect(read('rxe_migrate.h')).toContain(`"${version}"`);
    const only = new RegExp(/^BUILD_EXCLUSIVE_KERNEL="(.*)"$/m.exec(conf)?.[1] ?? '$^');
    for (const [, release] of kernels) expect(`${release}+deb13-amd64`).toMatch(only);
    for (const other of ['6.1.0-50-amd64', '6.120.1', '7.2.12+deb13-amd64']) expect(other).not.toMatch(only);
  });
});
