import { execa } from 'execa';

/** Sparse size of the root disk: room for what is done inside a node. */
export const ROOT_DISK_SIZE = '6G';

/** An ext4 file system with the contents of `tree`. */
export async function writeRootDisk(tree: string, disk: string): Promise<void> {
  const features = ['-O', '^has_journal', '-m', '0'];
  await execa('mke2fs', ['-q', '-t', 'ext4', ...features, '-d', tree, disk, ROOT_DISK_SIZE]);
}
