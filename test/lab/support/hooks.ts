import { afterEach, beforeEach, expect } from 'vitest';
import { health, sweep } from './lab.js';
import { pacedLink } from './pace.js';

/** Every lab test starts in swept nodes, and leaves no QP and no complaint of a kernel behind. */
export function useSweptLab(link = pacedLink()): void {
  beforeEach(() => sweep(link));
  afterEach(async ({ task }) => {
    // After a failure, what is left over is a consequence; a complaint of the kernel may be the reason.
    const failed = task.result?.state === 'fail';
    for (const { name, qps, complaints } of await health()) {
      expect(complaints, `the kernel of node ${name} complained`).toEqual([]);
      if (!failed) expect(qps, `QPs left on node ${name}`).toEqual([]);
    }
  });
}
