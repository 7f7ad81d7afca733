import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { type dump_stats_entry, stats_entrySchema } from './gen/criu-stats_pb.js';

/** First words of the file: magic of service files, then that of statistics; a length follows. */
const MAGIC = Buffer.from([0x40, 0x59, 0x10, 0x55, 0x06, 0x33, 0x09, 0x57]);
const LENGTH_BYTES = 4;

/**
 * What CRIU measured of a dump or pre-dump (stats-dump).
 *
 * @param workDir its work directory: that of the images, unless another one was named
 * @throws Error when there is no such file, or not of this form
 */
export async function criuStats(workDir: string): Promise<dump_stats_entry> {
  const path = join(workDir, 'stats-dump');
  const bytes = await readFile(path);
  const body = bytes.subarray(MAGIC.length + LENGTH_BYTES);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC) || bytes.readUInt32LE(MAGIC.length) !== body.length)
    throw new Error(`${path} is no statistics file of CRIU`);
  const { dump } = fromBinary(stats_entrySchema, body);
  if (!dump) throw new Error(`${path} has nothing of a dump`);
  return dump;
}
