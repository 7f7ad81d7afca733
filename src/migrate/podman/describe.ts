// What Podman itself writes down of a container, for another Podman to make the same one from. Its commands give that
// away with a checkpoint only: it is asked for one of the container as it runs, in which CRIU has nothing to do.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManagedCriu } from '../oci/managed-criu.js';
import { run } from '../run.js';
import { podmanBeforeCriu } from './before-criu.js';
import type { PodmanContainer } from './container.js';

/** Names in Podman's archive. */
export const CONFIG_FILE = 'config.dump';
export const SPEC_FILE = 'spec.dump';

/** Texts of the two files; both are JSON, and nobody else's to read. */
export interface Description {
  config: string;
  spec: string;
}

/** @throws PodmanError */
export async function describePodman(
  { inspected, name }: PodmanContainer,
  criu: string,
): Promise<Description> {
  const dir = await mkdtemp(join(tmpdir(), 'roam-podman-'));
  const archive = join(dir, 'archive.tar');
  try {
    await using asked = await ManagedCriu.await(inspected.Id, criu);
    const contents = ['--ignore-rootfs', '--ignore-volumes', '--compress', 'none'];
    const exporting = podmanBeforeCriu(
      // By its name: the script knows a runtime by the id at the end of its words.
      ['container', 'checkpoint', '--leave-running', ...contents, '--export', archive, name],
      dir,
    );
    await Promise.race([asked.pretend(), exporting]);
    await exporting;
    const read = (file: string) => run('tar', ['--extract', '--to-stdout', '--file', archive, file]);
    return { config: await read(CONFIG_FILE), spec: await read(SPEC_FILE) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
