// The process tree of a dump, by CRIU's own images.
import {
  descriptorSchema,
  memorySchema,
  object_idsSchema,
  page_headSchema,
  page_runSchema,
  task_coreSchema,
  type tree_item,
  tree_itemSchema,
} from '../criu/gen/criu-images_pb.js';
import { decodeEntry, entriesOf, readEntries, readEntry } from './criu-images.js';
import type { ImageFile } from './dump.js';
import type { ImageDirectory } from './files.js';
import { ImageError } from './image-error.js';
import type { ImageProcess } from './types.js';

/** A descriptor, by the number of the open file that CRIU gave it. */
export interface DescriptorOf {
  file: number;
  pid: number;
  fd: number;
}

export interface Processes {
  processes: ImageProcess[];
  descriptors: DescriptorOf[];
}

/** `task_state` of one that waits for its parent; it has no memory. */
const ZOMBIE = 6;

/** Flags of a run of pages (criu/include/pagemap.h). */
const PAGE_FLAG = { parent: 1, lazy: 2, present: 4 } as const;

/** @throws ImageError */
export async function readProcesses(images: ImageDirectory): Promise<Processes> {
  const tree = await images.read('pstree.img');
  const items = readEntries(tree, 'pstree', tree_itemSchema);
  if (items.length === 0)
    throw new ImageError(tree.path, 'it names no process', { offset: tree.bytes.length });
  const all: Processes = { processes: [], descriptors: [] };
  for (const item of items) {
    const { process, descriptors } = await readProcess(images, item);
    all.processes.push(process);
    all.descriptors.push(...descriptors);
  }
  return all;
}

async function readProcess(
  images: ImageDirectory,
  { pid, ppid, pgid, sid, threads }: tree_item,
): Promise<{ process: ImageProcess; descriptors: DescriptorOf[] }> {
  const coreFile = await images.read(`core-${pid}.img`);
  const core = readEntry(coreFile, 'core', task_coreSchema);
  if (!core.tc) throw new ImageError(coreFile.path, 'it names no process');
  const isZombie = core.tc.taskState === ZOMBIE;
  const idsFile = await images.readIfThere(`ids-${pid}.img`);
  const filesId = (core.ids ?? (idsFile && readEntry(idsFile, 'ids', object_idsSchema)))?.filesId;
  const fdinfo = filesId === undefined ? undefined : await images.readIfThere(`fdinfo-${filesId}.img`);
  const descriptors = fdinfo ? readEntries(fdinfo, 'fdinfo', descriptorSchema) : [];
  return {
    process: {
      pid,
      ppid,
      pgid,
      sid,
      comm: Buffer.from(core.tc.comm).toString().replace(/\0.*$/s, ''),
      threads,
      ...(isZombie ? {} : { memory: await readMemory(images, pid) }),
    },
    descriptors: descriptors.map(({ id, fd }) => ({ file: id, pid, fd })),
  };
}

async function readMemory(images: ImageDirectory, pid: number): Promise<ImageProcess['memory']> {
  const file = await images.read(`mm-${pid}.img`);
  let mapped = 0n;
  for (const { start, end } of readEntry(file, 'mm', memorySchema).vmas) {
    if (end < start)
      throw new ImageError(file.path, `a mapping ends before it begins, at 0x${start.toString(16)}`);
    mapped += end - start;
  }
  const pagemap = await images.readIfThere(`pagemap-${pid}.img`);
  return { mapped: Number(mapped), ...(pagemap ? { pages: countPages(pagemap) } : {}) };
}

function countPages(file: ImageFile) {
  const [head, ...runs] = entriesOf(file, 'pagemap');
  if (!head) throw new ImageError(file.path, 'it has no head', { offset: file.bytes.length });
  decodeEntry(file, head, page_headSchema);
  const pages = { present: 0, inParent: 0, lazy: 0 };
  for (const run of runs) {
    const { nrPages, inParent, flags = 0 } = decodeEntry(file, run, page_runSchema);
    // Without flags they are images of an older CRIU.
    if (inParent || flags & PAGE_FLAG.parent) pages.inParent += nrPages;
    else if (flags & PAGE_FLAG.present || flags === 0) pages.present += nrPages;
    else if (flags & PAGE_FLAG.lazy) pages.lazy += nrPages;
  }
  return pages;
}
