// Process ids in a pid namespace: those stay the same in a move, while the host's numbers change.
import { readFile } from 'node:fs/promises';
import { processTree } from '../proc.js';

/** The number that a process has in its own pid namespace; undefined: there is no such process. */
export async function innerPid(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const numbers = /^NSpid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/);
  return numbers ? Number(numbers.at(-1)) : undefined;
}

/** Numbers of the given processes in their own namespaces, in the same order; those that ended are left out. */
export async function innerPids(pids: number[]): Promise<number[]> {
  return (await Promise.all(pids.map(innerPid))).filter((pid) => pid !== undefined);
}

/** The tree below `root`, parents first, with its numbers inside. */
export async function treeWithInner(root: number): Promise<{ pid: number; inner: number }[]> {
  const tasks = await processTree(root);
  return Promise.all(tasks.map(async ({ pid }) => ({ pid, inner: (await innerPid(pid)) ?? pid })));
}
