import type { TestProject } from 'vitest/node';
import { Lab } from '../../../dist/lab/index.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Name of the lab that all lab tests share: nodes a, b and c with our module. */
    lab: string;
  }
}

/** Boots the one lab of the run. It ends with this process, or with the teardown. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const name = `test-${process.pid}`;
  const lab = await Lab.up({
    name,
    nodes: ['a', 'b', 'c'],
    onProgress: (message: string) => console.log(`lab: ${message}`),
  });
  project.provide('lab', name);
  return () => lab.down();
}
