// What a host has logged about a migration. Only logs are read: what lies beside them is memory.
import { open, readdir } from 'node:fs/promises';
import { LOG_DIRECTORY } from '../logs.js';
import { tryRun } from '../run.js';
import type { SupportFile } from '../types.js';

/** Bytes that are kept of each end of a log. */
const WINDOW = 2 * 1024 * 1024;

/** What of the kernel's log may tell why. */
const KERNEL_LINES =
  /roam|rxe|criu|rdma|infiniband|ib_|BUG:|WARNING:|Oops|Call Trace|hung task|Out of memory/i;

/**
 * The logs of CRIU in a directory of images, those that were kept of an earlier end, and lines of the kernel.
 *
 * @param place Absent where the migration has no directory on this host.
 */
export async function hostLogs(place: { dir?: string; id?: string }): Promise<SupportFile[]> {
  const { dir, id } = place;
  const files: SupportFile[] = [];
  for (const directory of dir ? await namesIn(dir) : []) {
    // Files of the application lie beside the images.
    if (!directory.startsWith('images')) continue;
    for (const name of await namesIn(`${dir}/${directory}`))
      if (name.endsWith('.log')) await add(files, `${directory}/${name}`, `${dir}/${directory}/${name}`);
  }
  for (const name of id ? await namesIn(LOG_DIRECTORY) : [])
    if (name.startsWith(`${id}-`)) await add(files, `kept/${name}`, `${LOG_DIRECTORY}/${name}`);
  const kernel = await tryRun('dmesg', []).catch((error: Error) => ({ stdout: '', stderr: error.message }));
  const lines = kernel.stdout.split('\n').filter((line) => KERNEL_LINES.test(line));
  files.push({ name: 'dmesg.log', text: `${[...lines, kernel.stderr].join('\n').trim()}\n` });
  return files;
}

const namesIn = (dir: string): Promise<string[]> => readdir(dir).catch(() => []);

async function add(files: SupportFile[], name: string, path: string): Promise<void> {
  const text = await ends(path).catch((error: Error) => `cannot be read: ${error.message}\n`);
  files.push({ name, text });
}

/** A file, without its middle when it is very long. */
async function ends(path: string): Promise<string> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const read = async (from: number, length: number) => {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, from);
    return buffer.toString('utf8', 0, bytesRead);
  };
  if (size <= 2 * WINDOW) return read(0, size);
  return `${await read(0, WINDOW)}\n[${size - 2 * WINDOW} bytes left out]\n${await read(size - WINDOW, WINDOW)}`;
}
