import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { health, sweep } from './lab.js';
import { pacedLink } from './pace.js';

/** Every lab test starts in swept nodes, and leaves no QP and no complaint of a kernel behind. */
export function useSweptLab(link = pacedLink()): void {
  beforeEach(() => sweep(link));
  // After a failure, what is left over is a consequence; a complaint of the kernel may be the reason.
  afterEach(({ task }) => isHealthy(task.result?.state === 'fail'));
}

/** The same, once for all tests of a group, which go on with one program. */
export function useSweptLabOnce(link = pacedLink()): void {
  let failed = false;
  beforeAll(() => sweep(link));
  afterEach(({ task }) => {
    failed ||= task.result?.state === 'fail';
  });
  afterAll(() => isHealthy(failed));
}

async function isHealthy(failed: boolean): Promise<void> {
  for (const { name, qps, complaints } of await health()) {
    expect(complaints, `the kernel of node ${name} complained`).toEqual([]);
    if (!failed) expect(qps, `QPs left on node ${name}`).toEqual([]);
  }
}
