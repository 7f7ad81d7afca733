import type { TestProject } from 'vitest/node';
import { Lab, type LabOptions } from '../../../dist/lab/index.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Name of the lab that all lab tests share: nodes a, b and c with our module. */
    lab: string;
  }
}

/**
 * Boots the one lab of the run. It ends with this process, or with the teardown.
 * ROAM_TEST_LAB names a running lab with the same nodes to use instead, and to leave running.
 */
export async function bootLab(project: TestProject, options: LabOptions): Promise<() => Promise<void>> {
  const running = process.env.ROAM_TEST_LAB;
  if (running) {
    await Lab.attach(running);
    project.provide('lab', running);
    return async () => {};
  }
  const name = `test-${process.pid}`;
  const lab = await Lab.up({
    name,
    ...options,
    onProgress: (message: string) => console.log(`lab: ${message}`),
  });
  await countApart(lab);
  project.provide('lab', name);
  return () => lab.down();
}

/** Of 32768. */
const PIDS = 30_000;

/** A process moves with its number, which the kernel of another node may have given away. */
async function countApart({ nodes }: Lab): Promise<void> {
  for (const [i, node] of nodes.entries()) {
    const from = String(1000 + Math.floor((i * PIDS) / nodes.length));
    await node.exec(['sh', '-c', 'echo "$1" >/proc/sys/kernel/ns_last_pid', 'sh', from]);
  }
}

export default (project: TestProject) => bootLab(project, { nodes: ['a', 'b', 'c'] });
