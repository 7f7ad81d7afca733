import type { TestProject } from 'vitest/node';
import { Lab } from '../../../dist/lab/index.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Name of the lab that all lab tests share: nodes a, b and c with our module. */
    lab: string;
  }
}

/**
 * Boots the one lab of the run. It ends with this process, or with the teardown.
 * ROAM_TEST_LAB names a running lab with nodes a, b and c to use instead, and to leave running.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = process.env.ROAM_TEST_LAB;
  if (running) {
    await Lab.attach(running);
    project.provide('lab', running);
    return async () => {};
  }
  const name = `test-${process.pid}`;
  const lab = await Lab.up({
    name,
    nodes: ['a', 'b', 'c'],
    onProgress: (message: string) => console.log(`lab: ${message}`),
  });
  project.provide('lab', name);
  return () => lab.down();
}
