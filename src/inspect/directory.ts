// A directory of images, read and checked as a whole.
import { join } from 'node:path';
import { inventorySchema } from '../criu/gen/criu-images_pb.js';
import { readEntry } from './criu-images.js';
import { type ContextImage as Dump, readContextImage, readDescriptorImage } from './dump.js';
import { ImageDirectory } from './files.js';
import { ImageError } from './image-error.js';
import { RECORD_TYPE } from './layouts.js';
import {
  addressHandles,
  completionQueues,
  eventFiles,
  hexId,
  memoryRegions,
  memoryWindows,
  queuePairs,
  sharedReceiveQueues,
} from './objects.js';
import { type DescriptorOf, readProcesses } from './processes.js';
import { checkReferences } from './references.js';
import type { ImageContext, ImageReport } from './types.js';

/** What a descriptor image says, and through which descriptors the file is open. */
interface RdmaFile {
  context: number;
  /** Of an event file; 0: it is the uverbs file. */
  id: bigint;
  holders: DescriptorOf[];
}

/** Where `migrate --keep-images` puts the images, below the directory of the migration. */
const LAST_ROUND = 'images';

/**
 * Reads the images of a dump that is complete, made by `roam` or by CRIU with the plugin.
 *
 * @param path Their directory, or the one that `roam migrate --keep-images` has left. Pages are not read.
 * @throws ImageError when an image is missing, truncated, foreign, or contradicts another one
 */
export async function inspectImages(path: string): Promise<ImageReport> {
  const given = await ImageDirectory.open(path);
  const isOurs = !given.names.has('inventory.img') && given.names.has(LAST_ROUND);
  const images = isOurs ? await ImageDirectory.open(join(path, LAST_ROUND)) : given;
  const inventory = readEntry(await images.read('inventory.img'), 'inventory', inventorySchema);
  const { processes, descriptors } = await readProcesses(images);
  const files = await readRdmaFiles(images, descriptors);
  const contexts: ImageContext[] = [];
  for (const { name, number } of images.numbered(/^roam-rdma-ctx-(\d+)\.img$/))
    contexts.push(await readContext(images, name, number, files));
  const known = new Set(contexts.map(({ number }) => number));
  for (const { context, path: file } of files)
    if (!known.has(context))
      throw new ImageError(file, `it belongs to context ${context}, whose image is missing`, { offset: 16 });
  return {
    dir: images.path,
    imageVersion: inventory.imgVersion,
    rounds: isOurs ? given.numbered(/^images\.(\d+)$/).map(({ name }) => join(path, name)) : [],
    processes,
    contexts,
  };
}

async function readRdmaFiles(
  images: ImageDirectory,
  descriptors: DescriptorOf[],
): Promise<(RdmaFile & { path: string })[]> {
  const files: (RdmaFile & { path: string })[] = [];
  for (const { name, number } of images.numbered(/^roam-rdma-fd-([\da-f]+)\.img$/, 16)) {
    const image = await images.read(name);
    const { context, file_id: id } = readDescriptorImage(image);
    const holders = descriptors
      .filter(({ file }) => file === number)
      .sort((a, b) => a.pid - b.pid || a.fd - b.fd);
    files.push({ context, id, holders, path: image.path });
  }
  return files;
}

async function readContext(
  images: ImageDirectory,
  name: string,
  number: number,
  files: RdmaFile[],
): Promise<ImageContext> {
  const file = await images.read(name);
  const image = readContextImage(file);
  if (image.ctx.context !== number)
    throw new ImageError(file.path, `it is of context ${image.ctx.context}`, { offset: 16 });
  checkReferences(file, image);
  const own = files.filter(({ context }) => context === number);
  const nameOf = (id: bigint, otherwise: string) => {
    const [holder] = own.filter((candidate) => candidate.id === id).flatMap(({ holders }) => holders);
    return holder ? `pid ${holder.pid} fd ${holder.fd}` : otherwise;
  };
  const nameFile = (id: bigint) => nameOf(id, hexId(id));
  const pids = own.flatMap(({ holders }) => holders.map(({ pid }) => pid));
  return {
    number,
    name: nameOf(0n, `context ${number}`),
    device: image.device,
    uverbs: image.uverbs,
    compVectors: image.dump.num_comp_vectors,
    watch: watched(image),
    pids: [...new Set(pids)].sort((a, b) => a - b),
    pds: image.records
      .filter(({ rec }) => rec.type === RECORD_TYPE.PD)
      .map(({ rec }) => ({ handle: rec.handle })),
    channels: eventFiles(file, image, 'COMP_CHANNEL', nameFile),
    asyncFiles: eventFiles(file, image, 'ASYNC', nameFile),
    cqs: completionQueues(file, image, nameFile),
    srqs: sharedReceiveQueues(file, image),
    ahs: addressHandles(file, image),
    mrs: memoryRegions(file, image),
    mws: memoryWindows(file, image),
    qps: queuePairs(file, image),
  };
}

function watched({ dump }: Dump): ImageContext['watch'] {
  return (['qps', 'moves'] as const).filter((_, bit) => (dump.watch & (1 << bit)) !== 0);
}
