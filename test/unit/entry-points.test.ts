import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, vi } from 'vitest';

const { exports } = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8'),
) as { exports: Record<string, { default: string }> };

/** What each entry point has to have. */
const wanted: Record<string, string[]> = {
  '.': ['Lab', 'migrate', 'check', 'recover', 'Criu', 'reportPage', 'RoamError', 'inspectImages'],
  './migrate': ['migrate', 'check', 'recover', 'PHASES', 'MigrationError', 'PreflightError', 'RoamError'],
  './criu': ['Criu', 'CriuError', 'criuStats', 'criu_cg_mode', 'restartInterruptedCalls'],
  './verbs': ['open', 'listDevices'],
  './rdmacm': ['listen', 'connect'],
};

describe('the entry points', () => {
  beforeEach(() => {
    vi.resetModules();
    // Where there is no addon, as on a host without RDMA: what is loaded at import fails.
    vi.stubEnv('ROAM_NATIVE_DIR', '/nonexistent');
  });

  it('are all tested here', () =>
    expect(Object.keys(wanted)).toEqual(expect.arrayContaining(Object.keys(exports))));

  it.each(Object.entries(wanted))('%s loads no addon', { timeout: 60_000 }, async (name, names) => {
    const dlopen = vi.spyOn(process, 'dlopen');
    const source = exports[name]?.default.replace('./dist', '../../src').replace(/\.js$/, '.ts') as string;
    const entry = await import(source);
    expect(Object.keys(entry)).toEqual(expect.arrayContaining(names));
    expect(dlopen).not.toHaveBeenCalled();
    dlopen.mockRestore();
  });
});
