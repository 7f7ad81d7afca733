// Processes and boots of a host, told apart from later ones that have their number.
import { readFile } from 'node:fs/promises';
import { parseStat } from './proc.js';

/** A process, told apart from a later one that has its number. */
export interface TaskId {
  pid: number;
  /** Field 22 of /proc/PID/stat (proc(5)): clock ticks since boot. */
  startTime: string;
}

/** Field 22 of /proc/PID/stat; empty: no such process. */
export async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

export async function taskId(pid: number): Promise<TaskId> {
  return { pid, startTime: await startTimeOf(pid) };
}

/** Whether it is still that process, and it has not ended. */
export async function isThere({ pid, startTime }: TaskId): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  if (stat === '' || startTime === '' || (await startTimeOf(pid)) !== startTime) return false;
  return !['Z', 'X'].includes(parseStat(stat).state);
}

/** Those of the processes that have not ended. */
export async function livingTasks(pids: number[]): Promise<TaskId[]> {
  const tasks = await Promise.all(pids.map(taskId));
  const there = await Promise.all(tasks.map(isThere));
  return tasks.filter((_, i) => there[i]);
}

export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** Clock ticks since boot, as start times count them: 100 a second on every Linux that Node runs on. */
export async function ticksNow(): Promise<string> {
  const uptime = await readFile('/proc/uptime', 'utf8');
  return String(Math.floor(Number(uptime.split(' ')[0]) * 100));
}
