import { afterEach, beforeEach, expect } from 'vitest';
import { health, type NodeName, sharedLab, sweep } from './lab.js';

/** Every lab test starts in swept nodes, and leaves no QP and no complaint of a kernel behind. */
export function useSweptLab(): void {
  beforeEach(async () => {
    await sweep();
    for (const { name } of (await sharedLab()).nodes) await health(name as NodeName);
  });
  afterEach(async (context) => {
    const { nodes } = await sharedLab();
    // After a failure, what is left over is a consequence; a complaint of the kernel may be the reason.
    const failed = context.task.result?.state === 'fail';
    for (const { name } of nodes) {
      const { qps, complaints } = await health(name as NodeName);
      expect(complaints, `the kernel of node ${name} complained`).toEqual([]);
      if (!failed) expect(qps, `QPs left on node ${name}`).toEqual([]);
    }
  });
}
