import { defineConfig } from 'vitest/config';
import { PATIENCE } from './test/lab/support/patience.js';

/** A move takes seconds on emulated processors, and a machine that is busy makes it slower still. */
const LAB_TEST_TIMEOUT = 240_000 * PATIENCE;
/** Includes the first build of the guest image. */
const LAB_BOOT_TIMEOUT = 900_000;

/** One lab for all files of a project: its clocks, addresses and ids belong to one test at a time. */
const lab = (name: string, dir: string, setup = 'global-setup') => ({
  test: {
    name,
    include: [`${dir}/*.lab.test.ts`],
    pool: 'forks' as const,
    fileParallelism: false,
    maxWorkers: 1,
    globalSetup: [`test/lab/support/${setup}.ts`],
    testTimeout: LAB_TEST_TIMEOUT,
    hookTimeout: LAB_BOOT_TIMEOUT,
  },
});

export default defineConfig({
  test: {
    reporters: ['default'],
    // A test that leaves a promise behind must not hide that.
    dangerouslyIgnoreUnhandledErrors: false,
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'native',
          include: ['test/native/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      lab('lab', 'test/lab'),
      lab('long', 'test/lab/long'),
      lab('docker', 'test/lab/docker', 'docker-setup'),
      lab('podman', 'test/lab/podman', 'podman-setup'),
      lab('game', 'test/lab/game', 'game-setup'),
      lab('soak', 'test/lab/soak'),
    ],
  },
});
